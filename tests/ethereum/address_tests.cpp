#include "ethereum/address.h"

#include "base/hex.h"
#include "fixture.h"

BOOST_AUTO_TEST_SUITE(address_tests)

BOOST_AUTO_TEST_CASE(an_address_in_any_case_comes_out_in_lowercase)
{
    const std::string lowercase = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    for (const auto* text :
         {"0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a", "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
          "0x19E7E376E7C213B7E7E7E46CC70A5DD086DAFF2A", "0x19e7E376e7c213b7e7e7e46cc70a5dd086daff2A"})
        BOOST_TEST((ethereum::parse_address(text) == lowercase), text);
    BOOST_TEST((ethereum::parse_address("0x" + std::string(40, '0')) == "0x" + std::string(40, '0')));
}

BOOST_AUTO_TEST_CASE(any_other_text_is_no_address)
{
    const std::string good = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    for (std::size_t length = 0; length < good.size(); ++length)
        BOOST_TEST(!ethereum::parse_address(good.substr(0, length)).has_value(), "length " << length);
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char wrong : {'g', ' ', '\0', '-', 'X', '\n'}) {
            auto text = good;
            text[at] = wrong;
            BOOST_TEST(!ethereum::parse_address(text).has_value(), text);
        }
    }
    for (const auto& text : {good + "0", good + " ", " " + good, good + "\n", good + '\0',
                             "0X" + good.substr(2), "00" + good.substr(2), good.substr(2),
                             good.substr(2) + "0x", "0x" + good, std::string("alice.heaven")})
        BOOST_TEST(!ethereum::parse_address(text).has_value(), text);
}

// The examples of EIP-55.
BOOST_AUTO_TEST_CASE(a_checksum_is_in_the_case_of_the_letters)
{
    for (const std::string spelled :
         {"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
          "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
          "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
          "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"})
        BOOST_TEST(ethereum::to_checksum_address(ethereum::parse_address(spelled).value()) == spelled);
}

BOOST_AUTO_TEST_CASE(a_public_key_has_the_published_address)
{
    const auto addresses = load_vectors("eth.json")["addresses"];
    BOOST_REQUIRE(!addresses.empty());
    for (const auto& entry : addresses) {
        BOOST_TEST_CONTEXT(entry["public_key"].get<std::string>())
        {
            const auto point = base::from_hex(entry["public_key"].get<std::string>().substr(2));
            BOOST_REQUIRE((point && point->size() == 65));
            BOOST_TEST((ethereum::address_of_public_key(std::string_view(*point).substr(1)) ==
                        ethereum::parse_address(entry["address"].get<std::string>())));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
