// Prints how many public keys libsecp256k1 recovers in a second on one core.  usage: recover SECONDS
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

int main(int argc, char** argv)
{
    using Clock = std::chrono::steady_clock;
    const std::chrono::duration<double> lasting(argc == 2 ? std::atof(argv[1]) : 1);
    unsigned char key[32] = {1};
    unsigned char hash[32] = {2};
    auto* signing = secp256k1_context_create(SECP256K1_CONTEXT_SIGN);
    secp256k1_ecdsa_recoverable_signature signature;
    if (secp256k1_ecdsa_sign_recoverable(signing, &signature, hash, key, nullptr, nullptr) == 0)
        return 1;
    long recovered = 0;
    const auto begun = Clock::now();
    std::chrono::duration<double> took{};
    for (; took < lasting; took = Clock::now() - begun) {
        for (int i = 0; i < 100; ++i, ++recovered) {
            secp256k1_pubkey found;
            hash[31] = static_cast<unsigned char>(recovered); // another message is another key
            if (secp256k1_ecdsa_recover(secp256k1_context_static, &found, &signature, hash) == 0)
                return 1;
        }
    }
    std::printf("%.0f\n", static_cast<double>(recovered) / took.count());
    secp256k1_context_destroy(signing);
}
