// Prints wallets that sign in: address, nonce as the service issues it, signature.  usage: sign SETTINGS
// COUNT
#include "auth/nonce.h"
#include "base/config.h"
#include "base/random.h"
#include "wallet.h"

#include <iostream>

int main(int argc, char** argv)
{
    if (argc != 3)
        return 2;
    const auto config = base::load_config(argv[1], base::process_environment(), base::Program::server);
    const auth::Nonces nonces(config.jwt_secret, config.nonce_ttl_seconds);
    base::SystemRandom random;
    const auto now = base::system_now();
    for (auto left = std::stoul(argv[2]); left > 0; --left) {
        unsigned char key[32];
        random.fill(key, sizeof key);
        key[0] = 1; // below the curve's order, and not 0
        const Wallet wallet(std::string(reinterpret_cast<const char*>(key), sizeof key));
        const auto nonce = nonces.issue(wallet.address(), now, random);
        std::cout << wallet.address() << " " << nonce << " " << wallet.personal_sign(nonce) << "\n";
    }
}
