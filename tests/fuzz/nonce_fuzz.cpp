// Sign-in nonces: good for the wallet that they were issued to, in their time, once, in the one spelling.
#include "auth/nonce.h"
#include "ethereum/address.h"
#include "fuzz.h"
#include "sqlite/migrate.h"

#include <cstring>

namespace {

class Zeroes : public base::Random
{
  public:
    void fill(unsigned char* bytes, std::size_t count) override { std::memset(bytes, 0, count); }
};

constexpr std::int64_t ttl_seconds = 300;
constexpr base::UnixSeconds issued_at = 1767225600;

} // namespace

FUZZ_TARGET(nonce)
{
    static const auto db = sqlite::open_migrated(":memory:", 1000);
    static const auth::Nonces nonces("a secret for the fuzzer", ttl_seconds, "the one before");
    const std::string wallet = "0x9e07903b62319682f51003922b2e7474783b5043";

    fuzz::Input input(bytes);
    const auto kind = input.byte();
    const auto now = issued_at - 512 + static_cast<base::UnixSeconds>(input.number(2) % 1024);
    Zeroes zeroes;
    const auto issued = nonces.issue(wallet, issued_at, zeroes);
    if (kind % 2 == 0) {
        const std::string nonce(input.rest());
        // libFuzzer watches comparisons, and may have learned the one that is issued here.
        const bool is_spent = nonce != issued && nonces.spend(*db, wallet, nonce, now);
        fuzz::require(!is_spent, "accepted what was never issued");
        return;
    }
    const auto nonce = fuzz::edited(issued, input);
    const bool is_timely = now < issued_at + ttl_seconds && now >= issued_at - ttl_seconds;
    const auto other = "0x9e07903b62319682f51003922b2e7474783b5044";
    fuzz::require(!nonces.spend(*db, other, nonce, now), "accepted from another wallet");
    fuzz::require(nonces.spend(*db, wallet, nonce, now) == (nonce == issued && is_timely),
                  "a changed or late one is accepted, or a good one is refused");
    fuzz::require(!nonces.spend(*db, wallet, nonce, now), "accepted twice");
    auth::purge_spent_nonces(*db, issued_at + 365 * 86400, 10);
}
