#include "auth/nonce.h"

#include "base/hex.h"
#include "base/hmac.h"
#include "database/transaction.h"

namespace auth {

namespace {

// 8 bytes of time, 8 of chance, 16 of HMAC.
constexpr std::size_t instant_bytes = 8;
constexpr std::size_t random_bytes = 8;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t nonce_bytes = instant_bytes + random_bytes + tag_bytes;

// The clock may step back, by a day if somebody sets it by hand. A spent nonce is remembered this much
// longer, so that it does not come alive again.
constexpr std::int64_t purge_margin_seconds = 86400;

bool is_lowercase(std::string_view text)
{
    return text.find_first_of("ABCDEF") == std::string_view::npos;
}

std::string tag(const std::string& jwt_secret, const std::string& wallet, std::string_view issued_and_random)
{
    const auto key = base::hmac_sha256(jwt_secret, "session-voice nonce");
    std::string message(issued_and_random);
    message += wallet;
    return base::hmac_sha256(key, message).substr(0, tag_bytes);
}

} // namespace

Nonces::Nonces(std::string_view jwt_secret, std::int64_t ttl_seconds, std::string_view previous_jwt_secret)
    : jwt_secret_(jwt_secret), previous_jwt_secret_(previous_jwt_secret), ttl_seconds_(ttl_seconds)
{
}

std::string Nonces::issue(const std::string& wallet, base::UnixSeconds now, base::Random& random) const
{
    std::string bytes;
    for (std::size_t i = 0; i < instant_bytes; ++i)
        bytes += static_cast<char>(static_cast<std::uint64_t>(now) >> (8 * (instant_bytes - 1 - i)) & 0xff);
    unsigned char chance[random_bytes];
    random.fill(chance, sizeof chance);
    bytes.append(reinterpret_cast<const char*>(chance), sizeof chance);
    return base::to_hex(bytes + tag(jwt_secret_, wallet, bytes));
}

std::optional<base::UnixSeconds> Nonces::expiry_of(const std::string& wallet, const std::string& nonce,
                                                   base::UnixSeconds now) const
{
    const auto bytes = base::from_hex(nonce);
    // Upper case would be a second spelling, and a nonce must not have two.
    if (!bytes || bytes->size() != nonce_bytes || !is_lowercase(nonce))
        return std::nullopt;
    const std::string_view view = *bytes;
    const auto signed_part = view.substr(0, instant_bytes + random_bytes);
    const auto is_made_with = [&](const std::string& jwt_secret) {
        return base::equal_in_constant_time(view.substr(signed_part.size()),
                                            tag(jwt_secret, wallet, signed_part));
    };
    // Both are always tried, so that the time does not tell which one it was.
    const bool is_by_present = is_made_with(jwt_secret_);
    const bool is_by_previous = !previous_jwt_secret_.empty() && is_made_with(previous_jwt_secret_);
    if (!is_by_present && !is_by_previous)
        return std::nullopt;

    std::uint64_t instant = 0;
    for (const char c : view.substr(0, instant_bytes))
        instant = instant << 8 | static_cast<unsigned char>(c);
    const auto issued_at = static_cast<base::UnixSeconds>(instant);
    // Issued in the future: the clock stepped back meanwhile. Small steps must not lock anybody out.
    if (issued_at <= now - ttl_seconds_ || issued_at > now + ttl_seconds_)
        return std::nullopt;
    return issued_at + ttl_seconds_; // of any other instant the sum could overflow
}

bool Nonces::is_good(database::Connection& db, const std::string& wallet, const std::string& nonce,
                     base::UnixSeconds now) const
{
    if (!expiry_of(wallet, nonce, now))
        return false;
    auto spent = db.prepare("SELECT 1 FROM spent_nonces WHERE nonce = :nonce");
    return !spent.bind(":nonce", nonce).step();
}

bool Nonces::spend(database::Connection& db, const std::string& wallet, const std::string& nonce,
                   base::UnixSeconds now) const
{
    const auto expires_at = expiry_of(wallet, nonce, now);
    if (!expires_at)
        return false;
    return database::transact(db, [&] {
        auto spent = db.prepare("INSERT INTO spent_nonces (nonce, expires_at) VALUES (:nonce, :expires_at) "
                                "ON CONFLICT DO NOTHING");
        return spent.bind(":nonce", nonce).bind(":expires_at", *expires_at).run_and_count() == 1; // the first
    });
}

std::int64_t purge_spent_nonces(database::Connection& db, base::UnixSeconds now, std::int64_t limit)
{
    const auto is_due = [&] {
        auto oldest = db.prepare("SELECT 1 FROM spent_nonces WHERE expires_at <= :expired_at LIMIT 1");
        return oldest.bind(":expired_at", now - purge_margin_seconds).step();
    };
    if (!is_due())
        return 0;
    return database::transact(db, [&] {
        auto expired = db.prepare("DELETE FROM spent_nonces WHERE nonce IN (SELECT nonce FROM spent_nonces "
                                  "WHERE expires_at <= :expired_at ORDER BY expires_at LIMIT :limit)");
        return expired.bind(":expired_at", now - purge_margin_seconds).bind(":limit", limit).run_and_count();
    });
}

} // namespace auth
