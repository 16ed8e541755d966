#include "ethereum/transaction.h"

#include "base/hex.h"
#include "ethereum/rlp.h"
#include "fixture.h"

namespace {

using ethereum::Uint256;

Uint256 decimal(const base::Json& text)
{
    const auto number = Uint256::parse_decimal(text.get<std::string>());
    BOOST_REQUIRE(number.has_value());
    return *number;
}

std::string bytes(const base::Json& hex)
{
    const auto raw = base::from_hex(hex.get<std::string>().substr(2));
    BOOST_REQUIRE(raw.has_value());
    return *raw;
}

ethereum::Transaction read(const base::Json& vector)
{
    ethereum::Transaction transaction;
    transaction.chain_id = vector["chain_id"];
    transaction.nonce = vector["nonce"];
    transaction.gas_limit = std::stoull(vector["gas"].get<std::string>());
    if (vector["type"] == "eip1559") {
        transaction.max_fee_per_gas = decimal(vector["max_fee_per_gas"]);
        transaction.max_priority_fee_per_gas = decimal(vector["max_priority_fee_per_gas"]);
    } else {
        transaction.max_fee_per_gas = decimal(vector["gas_price"]);
    }
    transaction.to = vector["to"];
    transaction.value = decimal(vector["value"]);
    transaction.data = bytes(vector["data"]);
    return transaction;
}

} // namespace

BOOST_AUTO_TEST_SUITE(transaction_tests)

BOOST_AUTO_TEST_CASE(transactions_are_encoded_and_signed_as_others_do)
{
    const auto vectors = load_vectors("eth.json")["transactions"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector["why"])
        {
            const auto key = ethereum::PrivateKey::parse(vector["private_key"].get<std::string>());
            BOOST_REQUIRE(key.has_value());
            const auto transaction = read(vector);
            BOOST_TEST("0x" + base::to_hex(ethereum::unsigned_payload(transaction)) ==
                       vector["unsigned"].get<std::string>());
            const auto result = sign(transaction, *key);
            BOOST_TEST("0x" + base::to_hex(result.raw) == vector["raw"].get<std::string>());
            BOOST_TEST(result.hash == vector["hash"].get<std::string>());
        }
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_to_what_is_no_address_and_nothing_signed_but_a_hash)
{
    const auto is_internal = [](const base::Error& error) {
        return error.code() == base::ErrorCode::internal;
    };
    ethereum::Transaction transaction;
    for (const auto& wrong : {std::string("0x"), "0x" + std::string(38, '1'), "0x" + std::string(42, '1'),
                              "0x" + std::string(39, '1') + "g"}) {
        transaction.to = wrong;
        BOOST_CHECK_EXCEPTION(ethereum::unsigned_payload(transaction), base::Error, is_internal);
    }
    const auto key = ethereum::PrivateKey::parse("0x" + std::string(64, '1')).value();
    BOOST_TEST(key.sign(std::string(32, 'h')).r.size() == 32u);
    for (const std::size_t size : {std::size_t{0}, std::size_t{31}, std::size_t{33}})
        BOOST_CHECK_EXCEPTION(key.sign(std::string(size, 'h')), base::Error, is_internal);
}

BOOST_AUTO_TEST_CASE(what_is_no_private_key_is_refused)
{
    const auto vectors = load_vectors("eth.json")["invalid_private_keys"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors)
        BOOST_TEST(!ethereum::PrivateKey::parse(vector["private_key"].get<std::string>()));
    for (const char* text :
         {"", "0x", "0x01", "1111111111111111111111111111111111111111111111111111111111111111",
          "0X1111111111111111111111111111111111111111111111111111111111111111",
          "0x111111111111111111111111111111111111111111111111111111111111111g"})
        BOOST_TEST(!ethereum::PrivateKey::parse(text), text);
}

// The examples of the Yellow Paper's appendix B and the turning points of the length of a length.
BOOST_AUTO_TEST_CASE(rlp_counts_bytes_as_the_yellow_paper_says)
{
    using ethereum::rlp::encode;
    using ethereum::rlp::encode_list;
    BOOST_TEST(base::to_hex(encode("")) == "80");
    BOOST_TEST(base::to_hex(encode(std::string(1, '\0'))) == "00");
    BOOST_TEST(base::to_hex(encode("\x7f")) == "7f");
    BOOST_TEST(base::to_hex(encode("\x80")) == "8180");
    BOOST_TEST(base::to_hex(encode("dog")) == "83646f67");
    BOOST_TEST(base::to_hex(encode_list({})) == "c0");
    BOOST_TEST(base::to_hex(encode_list({encode("cat"), encode("dog")})) == "c88363617483646f67");
    const auto header_of = [](std::size_t length) {
        const auto encoded = encode(std::string(length, 'a'));
        return base::to_hex(encoded.substr(0, encoded.size() - length));
    };
    BOOST_TEST(header_of(55) == "b7");
    BOOST_TEST(header_of(56) == "b838");
    BOOST_TEST(header_of(255) == "b8ff");
    BOOST_TEST(header_of(256) == "b90100");
    BOOST_TEST(header_of(65536) == "ba010000");
    BOOST_TEST(base::to_hex(encode_list({std::string(55, 'a')}).substr(0, 1)) == "f7");
    BOOST_TEST(base::to_hex(encode_list({std::string(56, 'a')}).substr(0, 2)) == "f838");
}

BOOST_AUTO_TEST_SUITE_END()
