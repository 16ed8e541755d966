#include "ethereum/abi.h"

#include "base/hex.h"
#include "ethereum/shorthand.h"
#include "fixture.h"

namespace {

using namespace ethereum::abi;

} // namespace

BOOST_AUTO_TEST_SUITE(abi_tests)

BOOST_AUTO_TEST_CASE(calldata_is_the_published_selector_and_the_address_as_one_word)
{
    const auto vectors = load_vectors("eth.json");
    for (const auto* function : {"primaryName", "verifiedAt"}) {
        const auto& entry = vectors["selectors"][function];
        const auto data = call_with_address(entry["signature"].get<std::string>(),
                                            "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
        BOOST_TEST("0x" + base::to_hex(data) ==
                   entry["selector"].get<std::string>() +
                       "00000000000000000000000019e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
    }
    int run = 0;
    for (const auto& entry : vectors["calldata"]) {
        const std::string function = entry["function"];
        if (function != "primaryName" && function != "verifiedAt")
            continue;
        BOOST_TEST_CONTEXT(entry.dump())
        {
            const std::string signature = vectors["selectors"][function]["signature"];
            const auto data = call_with_address(signature, entry["args"][0].get<std::string>());
            BOOST_TEST("0x" + base::to_hex(data) == entry["data"].get<std::string>());
        }
        ++run;
    }
    BOOST_TEST(run > 0);
}

BOOST_AUTO_TEST_CASE(calldata_is_made_of_whole_addresses_only)
{
    const auto is_internal = [](const base::Error& error) {
        return error.code() == base::ErrorCode::internal;
    };
    for (const auto& wrong : {std::string("0x"), std::string("0x12"), "0x" + std::string(38, 'a'),
                              "0x" + std::string(42, 'a'), "0x" + std::string(39, 'a') + "g"})
        BOOST_CHECK_EXCEPTION(call_with_address("primaryName(address)", wrong), base::Error, is_internal);
}

BOOST_AUTO_TEST_CASE(a_number_must_fit_its_type)
{
    const auto max64 = std::numeric_limits<std::uint64_t>::max();
    BOOST_TEST(decode_unsigned(word(0), 0, 8) == 0u);
    BOOST_TEST(decode_unsigned(word(255), 0, 8) == 255u);
    BOOST_TEST(decode_unsigned(word((1ULL << 48) - 1), 0, 48) == (1ULL << 48) - 1);
    BOOST_TEST(decode_unsigned(word(max64), 0, 64) == max64);
    BOOST_TEST(decode_unsigned(word(1) + word(2) + word(3), 2, 8) == 3u);

    BOOST_CHECK_EXCEPTION(decode_unsigned(word(256), 0, 8), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(decode_unsigned(word(1ULL << 32), 0, 32), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(decode_unsigned(word(1ULL << 48), 0, 48), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(decode_unsigned(word(max64), 0, 63), base::Error, is_chain_unavailable);
    // Any bit above the lowest 64 counts, too.
    for (std::size_t byte = 0; byte < 24; ++byte) {
        auto data = word(1);
        data[byte] = 1;
        BOOST_CHECK_EXCEPTION(decode_unsigned(data, 0, 64), base::Error, is_chain_unavailable);
    }
}

BOOST_AUTO_TEST_CASE(a_number_must_be_there_in_full)
{
    const auto data = word(1) + word(2);
    for (std::size_t length = 0; length < 32; ++length)
        BOOST_CHECK_EXCEPTION(decode_unsigned(data.substr(0, length), 0, 64), base::Error,
                              is_chain_unavailable);
    for (std::size_t length = 0; length < 64; ++length)
        BOOST_CHECK_EXCEPTION(decode_unsigned(data.substr(0, length), 1, 64), base::Error,
                              is_chain_unavailable);
    BOOST_TEST(decode_unsigned(data, 1, 64) == 2u);
    BOOST_CHECK_EXCEPTION(decode_unsigned(data, 2, 64), base::Error, is_chain_unavailable);
}

BOOST_AUTO_TEST_CASE(words_are_counted_in_full)
{
    BOOST_CHECK_NO_THROW(require_words("", 0));
    BOOST_CHECK_NO_THROW(require_words(word(1) + word(2), 2));
    BOOST_CHECK_NO_THROW(require_words(word(1) + word(2), 1));
    BOOST_CHECK_EXCEPTION(require_words(word(1) + word(2), 3), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(require_words(word(1).substr(1), 1), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(require_words("", 1), base::Error, is_chain_unavailable);
}

BOOST_AUTO_TEST_CASE(a_word_must_be_there_in_full)
{
    const auto data = word(1) + word(2);
    BOOST_TEST((decode_uint256(data, 1) == ethereum::Uint256(2)));
    BOOST_TEST(decode_address(data, 1) == "0x" + std::string(39, '0') + "2");
    for (const std::size_t index : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
        const auto cut = data.substr(0, index * 32 + 31);
        BOOST_CHECK_EXCEPTION(decode_uint256(cut.substr(0, 63), index), base::Error, is_chain_unavailable);
        BOOST_CHECK_EXCEPTION(decode_address(cut.substr(0, 63), index), base::Error, is_chain_unavailable);
    }
}

BOOST_AUTO_TEST_CASE(an_address_has_20_bytes_of_its_word)
{
    for (const std::size_t byte : {std::size_t{0}, std::size_t{11}, std::size_t{12}, std::size_t{31}}) {
        std::string data(32, '\0');
        data[byte] = '\x01';
        if (byte < 12)
            BOOST_CHECK_EXCEPTION(decode_address(data, 0), base::Error, is_chain_unavailable);
        else
            BOOST_TEST(decode_address(data, 0) == "0x" + base::to_hex(data.substr(12)));
    }
}

BOOST_AUTO_TEST_CASE(a_string_is_what_offset_and_length_say)
{
    const auto padded = [](std::string text) {
        text.resize((text.size() + 31) / 32 * 32, '\0');
        return text;
    };
    BOOST_TEST(decode_string(word(32) + word(5) + padded("alice"), 0) == "alice");
    BOOST_TEST(decode_string(word(9) + word(64) + word(5) + padded("alice"), 1) == "alice");
    BOOST_TEST(decode_string(word(32) + word(0), 0).empty());
    BOOST_TEST(
        (decode_string(word(32) + word(3) + padded(std::string("a\0b", 3)), 0) == std::string("a\0b", 3)));
    // Exactly to the end, without padding.
    BOOST_TEST(decode_string(word(32) + word(5) + "alice", 0) == "alice");
}

BOOST_AUTO_TEST_CASE(an_offset_or_length_that_points_outside_is_refused)
{
    const auto max64 = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t offset :
         {std::uint64_t{65}, std::uint64_t{96}, std::uint64_t{97}, std::uint64_t{128}, std::uint64_t{1} << 32,
          std::uint64_t{1} << 63, max64 - 31, max64})
        BOOST_CHECK_EXCEPTION(decode_string(word(offset) + word(1) + word(0), 0), base::Error,
                              is_chain_unavailable);
    for (const std::uint64_t length : {std::uint64_t{33}, std::uint64_t{64}, std::uint64_t{1} << 32,
                                       std::uint64_t{1} << 63, max64 - 63, max64 - 31, max64})
        BOOST_CHECK_EXCEPTION(decode_string(word(32) + word(length) + word(0), 0), base::Error,
                              is_chain_unavailable);
    for (const auto& data : {std::string(), word(32), word(32).substr(1), word(32) + std::string(31, '\0')})
        BOOST_CHECK_EXCEPTION(decode_string(data, 0), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(decode_string(word(32) + word(5) + "alic", 0), base::Error, is_chain_unavailable);
}

BOOST_AUTO_TEST_CASE(the_published_reverts_give_their_reasons)
{
    int with_reason = 0;
    int without = 0;
    const auto vectors = load_vectors("eth.json");
    for (const auto& vector : vectors["reverts"]) {
        const auto data = base::from_hex(vector["data"].get<std::string>().substr(2)).value();
        BOOST_TEST_CONTEXT(vector["why"].get<std::string>())
        {
            const auto reason = decode_revert_reason(data);
            if (vector["reason"].is_null())
                BOOST_TEST(!reason.has_value());
            else
                BOOST_TEST(reason.value_or("none") == vector["reason"].get<std::string>());
            ++(vector["reason"].is_null() ? without : with_reason);
        }
    }
    BOOST_TEST(with_reason >= 5);
    BOOST_TEST(without >= 3);
}

BOOST_AUTO_TEST_CASE(errors_and_panics_are_told_by_their_published_selectors)
{
    const auto vectors = load_vectors("eth.json");
    const auto selector = [&](const char* name) {
        return base::from_hex(vectors[name]["selector"].get<std::string>().substr(2)).value();
    };
    const auto error = selector("error_string_selector");
    const auto panic = selector("panic_selector");
    BOOST_TEST(decode_revert_reason(error + word(32) + word(3) + "abc").value() == "abc");
    BOOST_TEST(decode_revert_reason(error + word(32) + word(0)).value() == "");
    BOOST_TEST(decode_revert_reason(panic + word(0)).value() == "Panic(0x00)");
    BOOST_TEST(decode_revert_reason(panic + word(0x11)).value() == "Panic(0x11)");
    BOOST_TEST(decode_revert_reason(panic + word(0x1234)).value() == "Panic(0x1234)");
    // Errors of a contract's own, and what is cut off.
    for (const auto& data : {std::string(), error.substr(0, 3), panic, panic + word(1).substr(1),
                             std::string("\x12\x34\x56\x78") + word(32) + word(3) + "abc",
                             word(32) + word(3) + "abc", error + word(32) + word(4) + "abc"})
        BOOST_TEST(!decode_revert_reason(data).has_value(), base::to_hex(data));
}

BOOST_AUTO_TEST_CASE(numbers_follow_the_selector_a_word_each)
{
    const auto data = call_with_numbers(
        "attest(uint256,uint8,bytes32)",
        {ethereum::Uint256(42), ethereum::Uint256(1), ethereum::Uint256::from_word(std::string(32, '\xab'))});
    BOOST_TEST(base::to_hex(data.substr(0, 4)) == "33fe248b");
    BOOST_TEST(base::to_hex(data.substr(4)) == base::to_hex(word(42) + word(1) + std::string(32, '\xab')));
    BOOST_TEST(call_with_numbers("f()", {}).size() == 4u);
}

BOOST_AUTO_TEST_CASE(random_bytes_are_read_within_bounds_or_refused)
{
    SeededRandom random(5);
    for (int i = 0; i < 3000; ++i) {
        std::string data(random.uniform(0, 200), '\0');
        // Small numbers where words end, so that many offsets and lengths nearly fit.
        for (std::size_t at = 31; at < data.size(); at += 32)
            data[at] = static_cast<char>(random.uniform(0, 255));
        if (random.uniform(0, 3) == 0 && data.size() > 30)
            data[random.uniform(0, 30)] = 1;
        const auto reason = decode_revert_reason("\x08\xc3\x79\xa0" + data);
        BOOST_TEST((!reason || reason->size() <= data.size()));
        try {
            BOOST_TEST(decode_string(data, random.uniform(0, 2)).size() <= data.size());
        } catch (const base::Error& error) {
            BOOST_TEST(is_chain_unavailable(error));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
