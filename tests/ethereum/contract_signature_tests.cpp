#include "ethereum/contract_signature.h"

#include "base/hex.h"
#include "ethereum/signature_validator.h"
#include "ethereum/uint256.h"

#include <boost/test/unit_test.hpp>

namespace {

const std::string factory = std::string(19, '\0') + '\x07';

std::string number_word(std::uint64_t number)
{
    return ethereum::Uint256(number).to_word();
}

std::string padded(std::string bytes)
{
    return bytes.append((32 - bytes.size() % 32) % 32, '\0');
}

std::string magic()
{
    std::string bytes;
    for (int i = 0; i < 16; ++i)
        bytes += "\x64\x92";
    return bytes;
}

std::string wrapped(const std::string& calldata, const std::string& signature)
{
    return std::string(12, '\0') + factory + number_word(96) +
           number_word(96 + 32 + padded(calldata).size()) + number_word(calldata.size()) + padded(calldata) +
           number_word(signature.size()) + padded(signature) + magic();
}

} // namespace

BOOST_AUTO_TEST_SUITE(contract_signature_tests)

BOOST_AUTO_TEST_CASE(a_signature_without_a_wrapper_is_what_it_is)
{
    for (const auto& bytes : {std::string(), std::string(65, '\x1b'), magic().substr(1), magic() + "x"}) {
        const auto read = ethereum::read_contract_signature(bytes);
        BOOST_TEST_REQUIRE(read.has_value());
        BOOST_TEST(read->factory.empty());
        BOOST_TEST(read->factory_calldata.empty());
        BOOST_TEST(read->signature == bytes);
    }
}

BOOST_AUTO_TEST_CASE(every_byte_of_the_mark_counts)
{
    const auto whole = wrapped("calldata", "signature");
    for (std::size_t at = whole.size() - 32; at < whole.size(); ++at) {
        auto unmarked = whole;
        unmarked[at] = '\x01';
        BOOST_TEST(ethereum::read_contract_signature(unmarked).value().signature == unmarked, at);
    }
}

BOOST_AUTO_TEST_CASE(a_wrapper_is_opened)
{
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{32}, std::size_t{65}}) {
        const auto read =
            ethereum::read_contract_signature(wrapped(std::string(size, 'c'), std::string(size + 1, 's')));
        BOOST_TEST_REQUIRE(read.has_value());
        BOOST_TEST(read->factory == factory);
        BOOST_TEST(read->factory_calldata == std::string(size, 'c'));
        BOOST_TEST(read->signature == std::string(size + 1, 's'));
    }
}

BOOST_AUTO_TEST_CASE(a_wrapper_that_is_cut_or_points_outside_is_refused)
{
    const auto whole = wrapped("calldata", std::string(65, 's'));
    const auto body = whole.substr(0, whole.size() - 32);
    // The bytes that only pad the last field may be missing.
    for (std::size_t length = 0; length + 31 < body.size(); ++length)
        BOOST_TEST(!ethereum::read_contract_signature(body.substr(0, length) + magic()).has_value(), length);
    BOOST_TEST(!ethereum::read_contract_signature(magic()).has_value());
    for (const std::size_t at : {std::size_t{0}, std::size_t{32}, std::size_t{64}, std::size_t{96}}) {
        auto wrong = whole;
        wrong[at] = '\x01'; // the highest byte of a number, or what stands before the address
        BOOST_TEST(!ethereum::read_contract_signature(wrong).has_value(), at);
    }
}

BOOST_AUTO_TEST_CASE(the_question_is_the_validator_and_what_it_is_about)
{
    const auto code = base::from_hex(ethereum::signature_validator).value();
    BOOST_TEST(code.size() < 300u);
    const std::string wallet = "0x" + std::string(38, '0') + "2a";
    const std::string hash(32, 'h'), other(32, 'o');
    BOOST_TEST(ethereum::validation_call(wallet, {hash}, {"", "", "sig"}) ==
               code + number_word(42) + hash + number_word(0) + number_word(0) + number_word(0) + "sig");
    BOOST_TEST(ethereum::validation_call(wallet, {hash, other}, {factory, "call", "sig"}) ==
               code + number_word(42) + hash + other + number_word(7) + number_word(4) + "call" + "sig");
}

BOOST_AUTO_TEST_SUITE_END()
