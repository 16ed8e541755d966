#include "base/base64.h"

#include "fixture.h"

BOOST_AUTO_TEST_SUITE(base64_tests)

// RFC 4648, section 10.
BOOST_AUTO_TEST_CASE(the_published_vectors_hold)
{
    struct Vector
    {
        const char* bytes;
        const char* padded;
        const char* unpadded;
    };
    for (const Vector vector :
         {Vector{"", "", ""}, Vector{"f", "Zg==", "Zg"}, Vector{"fo", "Zm8=", "Zm8"},
          Vector{"foo", "Zm9v", "Zm9v"}, Vector{"foob", "Zm9vYg==", "Zm9vYg"},
          Vector{"fooba", "Zm9vYmE=", "Zm9vYmE"}, Vector{"foobar", "Zm9vYmFy", "Zm9vYmFy"}}) {
        BOOST_TEST(base::base64(vector.bytes) == vector.padded);
        BOOST_TEST(base::base64url(vector.bytes) == vector.unpadded);
        BOOST_TEST((base::from_base64url(vector.unpadded) == vector.bytes));
    }
}

BOOST_AUTO_TEST_CASE(the_alphabets_differ_in_two_characters)
{
    BOOST_TEST(base::base64("\xfb\xff\xbf") == "+/+/");
    BOOST_TEST(base::base64url("\xfb\xff\xbf") == "-_-_");
    BOOST_TEST((base::from_base64url("-_-_") == "\xfb\xff\xbf"));
}

BOOST_AUTO_TEST_CASE(random_bytes_of_every_length_survive_both_ways)
{
    SeededRandom random(4648);
    for (std::size_t length = 0; length < 300; ++length) {
        std::string bytes(length, '\0');
        random.fill(reinterpret_cast<unsigned char*>(bytes.data()), length);
        const auto text = base::base64url(bytes);
        BOOST_TEST(text.find_first_of("+/=") == std::string::npos);
        BOOST_TEST((base::from_base64url(text) == bytes), "length " << length);
    }
}

BOOST_AUTO_TEST_CASE(padding_is_refused)
{
    for (const std::string text : {"Zg==", "Zm8=", "Zg=", "=", "==", "====", "Zm9v=", "Zm9v====", "Zg==Zg"})
        BOOST_TEST(!base::from_base64url(text).has_value(), "accepted: " << text);
}

BOOST_AUTO_TEST_CASE(the_other_alphabet_is_refused)
{
    for (const std::string text : {"+/+/", "-/-_", "-_+_", "Zm9+", "Zm9/"})
        BOOST_TEST(!base::from_base64url(text).has_value(), "accepted: " << text);
}

// A forgiving decoder skips it.
BOOST_AUTO_TEST_CASE(white_space_is_refused_wherever_it_stands)
{
    const std::string good = "Zm9vYmFy";
    for (const char blank : {' ', '\t', '\n', '\r', '\v', '\f'}) {
        for (std::size_t at = 0; at <= good.size(); ++at) {
            for (const std::size_t count : {1u, 2u, 4u}) {
                auto text = good;
                text.insert(at, count, blank);
                BOOST_TEST(!base::from_base64url(text).has_value(),
                           "blank " << int{blank} << " times " << count << " at " << at);
            }
        }
    }
}

// Otherwise one signature would have several spellings.
BOOST_AUTO_TEST_CASE(unused_bits_must_be_zero)
{
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int one_byte = 0;
    int two_bytes = 0;
    for (const char last : alphabet) {
        one_byte += base::from_base64url(std::string("Z") + last).has_value();
        two_bytes += base::from_base64url(std::string("Zm") + last).has_value();
    }
    BOOST_TEST(one_byte == 4);   // 64 characters, 4 of their 6 bits unused
    BOOST_TEST(two_bytes == 16); // 2 of them unused
    BOOST_TEST(!base::from_base64url("Zh").has_value());
    BOOST_TEST(!base::from_base64url("Zm9").has_value());
}

BOOST_AUTO_TEST_CASE(no_other_character_and_no_impossible_length_is_accepted)
{
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int c = 0; c < 256; ++c) {
        const auto character = static_cast<char>(c);
        const auto is_ours = alphabet.find(character) != std::string::npos;
        const auto text = std::string("Zm9") + character;
        BOOST_TEST(base::from_base64url(text).has_value() == is_ours, "character " << c);
    }
    for (const std::string text : {"A", "AAAAA", "AAAAAAAAA"})
        BOOST_TEST(!base::from_base64url(text).has_value(), "accepted: " << text);
}

BOOST_AUTO_TEST_CASE(the_standard_alphabet_is_read_as_strictly)
{
    for (const char* bytes : {"", "f", "fo", "foo", "\xfb\xff"})
        BOOST_TEST(base::from_base64(base::base64(bytes)).value() == bytes);
    for (const char* text :
         {"Zg", "Zg=", "Zg===", "Zh==", "Zg==\n", " Zg==", "-_8=", "Z===", "=", "Zm9v=", "Z"})
        BOOST_TEST(!base::from_base64(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
