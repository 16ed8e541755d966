#include "auth/wallet_signature.h"

#include "base/hex.h"
#include "fixture.h"

namespace {

std::string without_0x(const base::Json& text)
{
    const auto bytes = base::from_hex(text.get<std::string>().substr(2));
    BOOST_REQUIRE(bytes.has_value());
    return *bytes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(wallet_signature_tests)

BOOST_AUTO_TEST_CASE(the_published_vectors_hold)
{
    const auto vectors = load_vectors("eip191.json")["vectors"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector["why"].get<std::string>())
        {
            std::string message = vector["message"];
            if (vector["message_kind"] == "raw")
                message = without_0x(vector["message"]);
            else
                BOOST_REQUIRE(vector["message_kind"] == "string");
            BOOST_TEST("0x" + base::to_hex(auth::personal_sign_hash(message)) ==
                       vector["hash"].get<std::string>());

            const auto recovered =
                auth::recover_personal_sign(message, vector["signature"].get<std::string>());
            const auto claimed = lowercase(vector["address"]); // may be no address at all
            BOOST_REQUIRE((vector["expected"] == "valid" || vector["expected"] == "invalid"));
            BOOST_TEST((recovered == claimed) == (vector["expected"] == "valid"),
                       "recovered " << recovered.value_or("nothing"));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_wallet_has_the_address_of_its_key)
{
    const auto addresses = load_vectors("eth.json")["addresses"];
    BOOST_REQUIRE(!addresses.empty());
    for (const auto& entry : addresses) {
        BOOST_TEST_CONTEXT(entry["private_key"].get<std::string>())
        {
            BOOST_TEST(Wallet(without_0x(entry["private_key"])).address() == lowercase(entry["address"]));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_private_key_makes_no_wallet)
{
    const auto keys = load_vectors("eth.json")["invalid_private_keys"];
    BOOST_REQUIRE(!keys.empty());
    for (const auto& entry : keys) {
        BOOST_TEST_CONTEXT(entry["private_key"].get<std::string>())
        {
            BOOST_CHECK_THROW(Wallet(without_0x(entry["private_key"])), std::invalid_argument);
        }
    }
    BOOST_CHECK_THROW(Wallet(std::string(31, '\x11')), std::invalid_argument);
}

// RFC 6979: the same key and message give the same signature everywhere.
BOOST_AUTO_TEST_CASE(a_wallet_signs_as_the_published_wallets_do)
{
    int compared = 0;
    const auto vectors = load_vectors("eip191.json")["vectors"];
    for (const auto& vector : vectors) {
        const std::string signature = vector["signature"];
        const auto v = signature.size() == 132 ? signature.substr(130) : "";
        const bool is_plain = vector["expected"] == "valid" && !vector.contains("stricter_choice") &&
                              (v == "1b" || v == "1c") && lowercase(signature) == signature;
        if (!is_plain)
            continue;
        std::string message = vector["message"];
        if (vector["message_kind"] == "raw")
            message = without_0x(vector["message"]);
        BOOST_TEST(Wallet(without_0x(vector["private_key"])).personal_sign(message) == signature);
        ++compared;
    }
    BOOST_TEST(compared >= 5);
}

BOOST_AUTO_TEST_CASE(a_signature_is_recovered_for_its_message_alone)
{
    const auto wallet = AppFixture::wallet(7);
    const auto signature = wallet.personal_sign("a nonce");
    BOOST_TEST((auth::recover_personal_sign("a nonce", signature) == wallet.address()));
    for (const std::string other : {"", "a nonc", "a nonce ", "a Nonce", "A nonce"})
        BOOST_TEST((auth::recover_personal_sign(other, signature) != wallet.address()), other);
}

BOOST_AUTO_TEST_CASE(no_bit_of_a_signature_can_be_flipped)
{
    const auto wallet = AppFixture::wallet(7);
    const auto bytes = base::from_hex(wallet.personal_sign("a nonce").substr(2)).value();
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            auto flipped = bytes;
            flipped[at] = static_cast<char>(flipped[at] ^ 1 << bit);
            BOOST_TEST(
                (auth::recover_personal_sign("a nonce", "0x" + base::to_hex(flipped)) != wallet.address()),
                "bit " << bit << " of byte " << at);
        }
    }
}

// libsecp256k1 aborts the process on a recovery id that it does not know.
BOOST_AUTO_TEST_CASE(of_all_256_values_of_v_four_are_accepted)
{
    const auto wallet = AppFixture::wallet(7);
    const auto signature = wallet.personal_sign("a nonce");
    for (unsigned v = 0; v < 256; ++v) {
        const auto byte = static_cast<unsigned char>(v);
        const auto recovered =
            auth::recover_personal_sign("a nonce", signature.substr(0, 130) + base::to_hex(&byte, 1));
        const bool is_known = v == 0 || v == 1 || v == 27 || v == 28;
        BOOST_TEST(recovered.has_value() == is_known, "v = " << v);
    }
}

BOOST_AUTO_TEST_CASE(whatever_is_no_signature_recovers_nobody)
{
    const auto good = AppFixture::wallet(7).personal_sign("a nonce");
    BOOST_REQUIRE(auth::recover_personal_sign("a nonce", good).has_value());
    for (std::size_t length = 0; length < good.size(); ++length)
        BOOST_TEST(!auth::recover_personal_sign("a nonce", good.substr(0, length)).has_value(),
                   "length " << length);
    for (const auto& text :
         {good + "0", good + "00", good.substr(2), " " + good, good + "\n", "0X" + good.substr(2),
          good.substr(2) + "0x", "0x0x" + good.substr(4), good.substr(0, 100) + "zz" + good.substr(102),
          std::string(132, '\0'), "0x" + std::string(130, '0'), "0x" + std::string(130, 'f'),
          "0x" + std::string(128, '0') + "1b"})
        BOOST_TEST(!auth::recover_personal_sign("a nonce", text).has_value(), "accepted: " << text);
}

BOOST_AUTO_TEST_SUITE_END()
