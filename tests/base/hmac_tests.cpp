#include "base/hmac.h"

#include "base/hex.h"
#include "fixture.h"

BOOST_AUTO_TEST_SUITE(hmac_tests)

struct Rfc4231
{
    int number;
    std::string key;
    std::string message;
    const char* digest;
};

// RFC 4231, sections 4.2 to 4.8; test 5 publishes only the first 128 bits.
BOOST_AUTO_TEST_CASE(the_vectors_of_rfc_4231_hold)
{
    const Rfc4231 vectors[] = {
        {1, std::string(20, '\x0b'), "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {2, "Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {3, std::string(20, '\xaa'), std::string(50, '\xdd'),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {4, *base::from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {5, std::string(20, '\x0c'), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
        {6, std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {7, std::string(131, '\xaa'),
         "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
         "to be "
         "hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT("test case " << vector.number)
        {
            const std::string expected = vector.digest;
            const auto digest = base::hmac_sha256(vector.key, vector.message);
            BOOST_TEST(digest.size() == 32u);
            BOOST_TEST(base::to_hex(digest).substr(0, expected.size()) == expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_empty_key_is_a_key_like_any_other)
{
    const auto* expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    BOOST_TEST(base::to_hex(base::hmac_sha256("", "")) == expected);
    BOOST_TEST(base::to_hex(base::hmac_sha256({}, {})) == expected);
}

// FIPS 180-4's examples.
BOOST_AUTO_TEST_CASE(sha256_is_sha256)
{
    BOOST_TEST(base::to_hex(base::sha256("")) ==
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    BOOST_TEST(base::to_hex(base::sha256("abc")) ==
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

BOOST_AUTO_TEST_CASE(comparing_in_constant_time_finds_every_difference)
{
    const std::string text = "0123456789abcdef0123456789abcdef";
    BOOST_TEST(base::equal_in_constant_time(text, std::string(text)));
    BOOST_TEST(base::equal_in_constant_time("", ""));
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto other = text;
        other[at] = static_cast<char>(other[at] ^ 1);
        BOOST_TEST(!base::equal_in_constant_time(text, other), "difference at " << at);
        BOOST_TEST(!base::equal_in_constant_time(text, text.substr(0, at)), "cut at " << at);
    }
    BOOST_TEST(!base::equal_in_constant_time(text, text + '\0'));
    // Equal up to a NUL is not equal.
    BOOST_TEST(!base::equal_in_constant_time(std::string("a\0b", 3), std::string("a\0c", 3)));
}

BOOST_AUTO_TEST_SUITE_END()
