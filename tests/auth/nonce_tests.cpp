#include "auth/nonce.h"

#include "base/config.h"
#include "engine.h"
#include "fixture.h"
#include "storage/open.h"
#include "temporary_folder.h"

#include <limits>

namespace {

struct NonceFixture : AppFixture
{
    std::string issue(unsigned number = 1) { return app.nonces.issue(address(number), now, random); }
    bool spend(const std::string& nonce, unsigned number = 1)
    {
        return app.nonces.spend(db(), address(number), nonce, now);
    }
    std::int64_t stored() { return query("SELECT count(*) FROM spent_nonces"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(nonce_tests, NonceFixture)

BOOST_AUTO_TEST_CASE(a_nonce_is_64_lowercase_hex_digits_and_never_the_same)
{
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const auto nonce = issue();
        BOOST_TEST(nonce.size() == 64u);
        BOOST_TEST(nonce.find_first_not_of("0123456789abcdef") == std::string::npos, nonce);
        BOOST_TEST(seen.insert(nonce).second);
    }
}

// Anybody may ask for nonces, as often as they like.
BOOST_AUTO_TEST_CASE(issuing_nonces_writes_nothing)
{
    const auto changes_before = db().rows_written();
    for (int i = 0; i < 1000; ++i)
        issue(static_cast<unsigned>(i) + 1);
    BOOST_TEST(db().rows_written() == changes_before);
    BOOST_TEST(stored() == 0);
}

BOOST_AUTO_TEST_CASE(a_nonce_works_once)
{
    const auto nonce = issue();
    BOOST_TEST(spend(nonce));
    BOOST_TEST(!spend(nonce));
    now += 299;
    BOOST_TEST(!spend(nonce));
    BOOST_TEST(stored() == 1);
}

BOOST_AUTO_TEST_CASE(a_nonce_is_bound_to_its_wallet)
{
    const auto nonce = issue(1);
    BOOST_TEST(!spend(nonce, 2));
    BOOST_TEST(stored() == 0);
    BOOST_TEST(spend(nonce, 1));
}

BOOST_AUTO_TEST_CASE(several_nonces_of_one_wallet_live_at_once)
{
    const auto first = issue();
    const auto second = issue();
    now += 10;
    const auto third = issue();
    BOOST_TEST(spend(second));
    BOOST_TEST(spend(third));
    BOOST_TEST(spend(first));
    for (const auto& nonce : {first, second, third})
        BOOST_TEST(!spend(nonce));
}

BOOST_AUTO_TEST_CASE(a_nonce_works_for_299_seconds_and_not_for_300)
{
    const auto used_late = issue();
    const auto used_too_late = issue();
    now += 299;
    BOOST_TEST(spend(used_late));
    now += 1;
    BOOST_TEST(!spend(used_too_late));
    now += 1000000;
    BOOST_TEST(!spend(used_too_late));
    BOOST_TEST(stored() == 1);
}

BOOST_AUTO_TEST_CASE(a_small_step_back_of_the_clock_locks_nobody_out)
{
    const auto nonce = issue();
    now -= 5;
    BOOST_TEST(spend(nonce));
    now += 5;
    BOOST_TEST(!spend(nonce));
}

// Otherwise a clock that was wrong for a moment would leave nonces that work for years.
BOOST_AUTO_TEST_CASE(a_nonce_from_the_far_future_is_refused)
{
    const auto tolerated = issue();
    const auto refused = issue();
    now -= 300;
    BOOST_TEST(spend(tolerated));
    now -= 1;
    BOOST_TEST(!spend(refused));
    now -= 1000000000;
    BOOST_TEST(!spend(refused));
}

// Only who knows the secret can make one; the arithmetic must hold all the same.
BOOST_AUTO_TEST_CASE(a_nonce_from_either_end_of_time_is_refused)
{
    using Instants = std::numeric_limits<base::UnixSeconds>;
    for (const auto issued_at : {Instants::min(), Instants::min() + 1, Instants::max() - 1, Instants::max()})
        BOOST_TEST(!spend(app.nonces.issue(address(1), issued_at, random)));
    BOOST_TEST(stored() == 0);
}

BOOST_AUTO_TEST_CASE(a_nonce_has_one_spelling)
{
    std::string nonce;
    do {
        nonce = issue();
    } while (nonce.find_first_of("abcdef") == std::string::npos);
    for (std::size_t at = 0; at < nonce.size(); ++at) {
        if (nonce[at] < 'a')
            continue;
        auto other = nonce;
        other[at] = static_cast<char>(other[at] - 'a' + 'A');
        BOOST_TEST(!spend(other), other);
    }
    BOOST_TEST(spend(nonce));
}

BOOST_AUTO_TEST_CASE(no_digit_of_a_nonce_can_be_changed)
{
    const std::string digits = "0123456789abcdef";
    const auto nonce = issue();
    for (std::size_t at = 0; at < nonce.size(); ++at) {
        for (const unsigned flip : {1u, 2u, 4u, 8u}) {
            auto other = nonce;
            other[at] = digits[digits.find(other[at]) ^ flip];
            BOOST_TEST(!spend(other), other);
        }
    }
    BOOST_TEST(stored() == 0);
    BOOST_TEST(spend(nonce));
}

BOOST_AUTO_TEST_CASE(what_is_no_nonce_is_refused)
{
    const auto nonce = issue();
    for (std::size_t length = 0; length < nonce.size(); ++length)
        BOOST_TEST(!spend(nonce.substr(0, length)), "length " << length);
    for (const auto& text : {nonce + "00", "0x" + nonce, " " + nonce, nonce + "\n", nonce + nonce,
                             std::string(64, '0'), std::string(64, 'f'), std::string(64, 'z'),
                             std::string(64, '\0'), std::string(32, 'a'), std::string(100000, 'a')})
        BOOST_TEST(!spend(text));
    BOOST_TEST(stored() == 0);
    BOOST_TEST(spend(nonce));
}

BOOST_AUTO_TEST_CASE(a_nonce_of_another_secret_is_refused)
{
    const auth::Nonces others("another secret, for tests, and for nothing else", 300);
    const auto foreign = others.issue(address(1), now, random);
    BOOST_TEST(!spend(foreign));
    BOOST_TEST(!others.spend(db(), address(1), issue(), now));
    BOOST_TEST(others.spend(db(), address(1), foreign, now));
    // The same secret in another process knows it.
    const auth::Nonces again(config.jwt_secret, 300);
    BOOST_TEST(again.spend(db(), address(1), issue(), now));
}

BOOST_AUTO_TEST_CASE(a_nonce_of_the_previous_secret_is_still_good_and_works_once)
{
    const auth::Nonces rotated("the secret that took its place, for tests", 300, config.jwt_secret);
    const auto old = issue();
    const auto fresh = rotated.issue(address(1), now, random);
    BOOST_TEST(!spend(fresh)); // new ones are made with the new secret
    BOOST_TEST(rotated.spend(db(), address(1), fresh, now));
    BOOST_TEST(!rotated.spend(db(), address(2), old, now));
    BOOST_TEST(rotated.spend(db(), address(1), old, now));
    BOOST_TEST(!rotated.spend(db(), address(1), old, now));
    BOOST_TEST(!spend(old));
    // No previous secret is not an empty one.
    const auto of_nobody = auth::Nonces("", 300).issue(address(1), now, random);
    BOOST_TEST(!spend(of_nobody));
}

BOOST_AUTO_TEST_CASE(a_spent_nonce_is_remembered_for_a_day_beyond_its_expiry)
{
    const auto nonce = issue();
    BOOST_TEST(spend(nonce));
    const auto expires_at = now + 300;
    BOOST_TEST(auth::purge_spent_nonces(db(), now, 100) == 0);
    BOOST_TEST(auth::purge_spent_nonces(db(), expires_at, 100) == 0);
    BOOST_TEST(auth::purge_spent_nonces(db(), expires_at + 86399, 100) == 0);
    BOOST_TEST(stored() == 1);
    // The clock steps back: it is still known.
    BOOST_TEST(!spend(nonce));
    BOOST_TEST(auth::purge_spent_nonces(db(), expires_at + 86400, 100) == 1);
    BOOST_TEST(stored() == 0);
    BOOST_TEST(auth::purge_spent_nonces(db(), expires_at + 86400, 100) == 0);
}

BOOST_AUTO_TEST_CASE(a_purge_takes_nothing_along_that_is_younger)
{
    BOOST_TEST(spend(issue()));
    now += 1;
    const auto young = issue();
    BOOST_TEST(spend(young));
    BOOST_TEST(auth::purge_spent_nonces(db(), now - 1 + 300 + 86400, 100) == 1);
    BOOST_TEST(stored() == 1);
    BOOST_TEST(!spend(young));
}

BOOST_AUTO_TEST_CASE(a_purge_of_nothing_waits_for_no_writer, *boost::unit_test::label("sqlite"))
{
    const TemporaryFolder folder;
    auto settings = test_config();
    settings.database_path = folder / "test.db";
    settings.database_busy_timeout_ms = 1;
    const auto own = storage::open(settings);
    BOOST_TEST(app.nonces.spend(*own, address(1), issue(), now));
    const engine::Writer writer(settings);
    const auto is_forgotten_at = now + 300 + 86400;
    BOOST_TEST(auth::purge_spent_nonces(*own, is_forgotten_at - 1, 100) == 0);
    BOOST_CHECK_THROW(auth::purge_spent_nonces(*own, is_forgotten_at, 100), base::Error);
}

BOOST_AUTO_TEST_CASE(a_purge_stops_at_its_limit_and_takes_the_oldest_first)
{
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(spend(issue()));
        ++now;
    }
    const auto last_spent_at = now - 1;
    now += 100000;
    BOOST_TEST(auth::purge_spent_nonces(db(), now, 4) == 4);
    BOOST_TEST(query("SELECT min(expires_at) FROM spent_nonces") == last_spent_at - 5 + 300);
    BOOST_TEST(auth::purge_spent_nonces(db(), now, 4) == 4);
    BOOST_TEST(auth::purge_spent_nonces(db(), now, 4) == 2);
    BOOST_TEST(auth::purge_spent_nonces(db(), now, 4) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
