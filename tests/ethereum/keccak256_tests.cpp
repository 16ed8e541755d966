#include "ethereum/keccak256.h"

#include "base/hex.h"
#include "fixture.h"

#include <openssl/evp.h>

namespace {

std::string sha3_256_by_openssl(const std::string& message)
{
    std::string digest(32, '\0');
    unsigned int length = 0;
    BOOST_REQUIRE(EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(digest.data()),
                             &length, EVP_sha3_256(), nullptr) == 1);
    BOOST_REQUIRE(length == 32u);
    return digest;
}

} // namespace

BOOST_AUTO_TEST_SUITE(keccak256_tests)

BOOST_AUTO_TEST_CASE(the_published_vectors_hold)
{
    const auto vectors = load_vectors("eth.json")["keccak256"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector.dump().substr(0, 200))
        {
            std::string message;
            if (vector.contains("repeat_byte")) {
                const auto byte = base::from_hex(vector["repeat_byte"].get<std::string>());
                BOOST_REQUIRE((byte && byte->size() == 1));
                message.assign(vector["count"].get<std::size_t>(), byte->front());
            } else {
                const auto bytes = base::from_hex(vector["input_hex"].get<std::string>());
                BOOST_REQUIRE(bytes.has_value());
                message = *bytes;
            }
            if (vector.contains("text"))
                BOOST_TEST(message == vector["text"].get<std::string>());
            BOOST_TEST("0x" + base::to_hex(ethereum::keccak256(message)) ==
                       vector["hash"].get<std::string>());
        }
    }
}

// All lengths around one, two, three and four blocks of 136 bytes are among them.
BOOST_AUTO_TEST_CASE(with_the_padding_of_fips_202_it_is_openssls_sha3_256)
{
    SeededRandom random(202);
    for (std::size_t length = 0; length <= 600; ++length) {
        std::string message(length, '\0');
        random.fill(reinterpret_cast<unsigned char*>(message.data()), length);
        BOOST_TEST((ethereum::keccak256_padded_with(message, 0x06) == sha3_256_by_openssl(message)),
                   "length " << length);
        BOOST_TEST((ethereum::keccak256_padded_with(message, 0x01) == ethereum::keccak256(message)));
    }
}

BOOST_AUTO_TEST_CASE(keccak_256_is_not_sha3_256)
{
    BOOST_TEST((ethereum::keccak256("abc") != sha3_256_by_openssl("abc")));
}

BOOST_AUTO_TEST_SUITE_END()
