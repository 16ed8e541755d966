#include "rooms/ban.h"

#include "fixture.h"
#include "sqlite/full_scans.h"

namespace {

struct BanFixture : AppFixture
{
    void ban(const std::string& reason, std::optional<std::int64_t> duration_seconds = std::nullopt,
             const std::string& wallet = address(1))
    {
        database::Transaction tx(db());
        rooms::ban(db(), wallet, reason, duration_seconds, now);
        tx.commit();
    }
    bool lift(const std::string& wallet = address(1))
    {
        database::Transaction tx(db());
        const bool was_banned = rooms::lift_ban(db(), wallet, now);
        tx.commit();
        return was_banned;
    }
    // The reason, or nothing.
    std::string active(const std::string& wallet = address(1))
    {
        const auto found = rooms::find_active_ban(db(), wallet, now);
        return found ? found->reason : "";
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(ban_tests, BanFixture)

BOOST_AUTO_TEST_CASE(a_ban_for_good_holds_until_it_is_lifted)
{
    BOOST_TEST(active() == "");
    ban("spam");
    BOOST_TEST(active() == "spam");
    BOOST_TEST(active(address(2)) == "");
    now += 3650 * 86400;
    BOOST_TEST(active() == "spam");
    BOOST_TEST(!rooms::find_active_ban(db(), address(1), now)->expires_at.has_value());
    BOOST_TEST(lift());
    BOOST_TEST(active() == "");
    BOOST_TEST(!lift());
    BOOST_TEST(!lift(address(2)));
}

BOOST_AUTO_TEST_CASE(a_ban_for_a_while_is_over_at_its_second)
{
    ban("noise", 60);
    BOOST_TEST(rooms::find_active_ban(db(), address(1), now)->expires_at.value() == now + 60);
    now += 59;
    BOOST_TEST(active() == "noise");
    now += 1;
    BOOST_TEST(active() == "");
    BOOST_TEST(!lift()); // there is nothing to lift
}

// An operator may shorten a ban as well as prolong it.
BOOST_AUTO_TEST_CASE(the_newest_ban_takes_the_place_of_the_one_before)
{
    ban("first");
    now += 10;
    ban("second", 60);
    BOOST_TEST(active() == "second");
    now += 60;
    BOOST_TEST(active() == "");
    ban("third", 60);
    BOOST_TEST(lift());
    BOOST_TEST(active() == "");
}

BOOST_AUTO_TEST_CASE(a_wallet_that_is_banned_twice_is_let_in_by_one_lifting)
{
    ban("first", 1000);
    ban("second");
    BOOST_TEST(lift());
    BOOST_TEST(active() == "");
}

BOOST_AUTO_TEST_CASE(the_list_has_every_ban_and_what_became_of_it)
{
    ban("over", 5, address(1));
    ban("lifted", std::nullopt, address(2));
    now += 5;
    lift(address(2));
    ban("active", 100, address(3));
    const auto bans = rooms::list_bans(db(), 10);
    BOOST_TEST_REQUIRE(bans.size() == 3u);
    BOOST_TEST(bans[0].reason == "active");
    BOOST_TEST(bans[0].wallet == address(3));
    BOOST_TEST(bans[0].banned_at == now);
    BOOST_TEST(bans[0].is_active(now + 99));
    BOOST_TEST(!bans[0].is_active(now + 100));
    BOOST_TEST(bans[1].lifted_at.value() == now);
    BOOST_TEST(!bans[1].is_active(now));
    BOOST_TEST(!bans[2].lifted_at.has_value());
    BOOST_TEST(!bans[2].is_active(now));
    BOOST_TEST(rooms::list_bans(db(), 2).size() == 2u);
}

// It may: a ban is then lifted in the second of its beginning.
BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_lifts_all_the_same)
{
    ban("spam");
    now -= 3600;
    BOOST_TEST(active() == "spam");
    BOOST_TEST(lift());
    BOOST_TEST(active() == "");
    BOOST_TEST(rooms::list_bans(db(), 1).at(0).lifted_at.value() == now + 3600);
}

// Every request of some routes asks for it.
BOOST_AUTO_TEST_CASE(looking_for_a_ban_uses_the_index, *boost::unit_test::label("sqlite"))
{
    FullScans scans;
    BanFixture service;               // whose connection is watched
    for (unsigned i = 1; i < 20; ++i) // the newest are of others
        service.ban("spam", std::nullopt, address(i % 4 + 1));
    scans.forget();
    BOOST_TEST(service.active() == "spam");
    BOOST_TEST(scans.statements() == 1);
    BOOST_TEST(scans.rows() == 0);
    BOOST_TEST(scans.sorts() == 0);
}

BOOST_AUTO_TEST_CASE(the_schema_refuses_what_makes_no_sense)
{
    const auto refused = [&](const std::string& values) {
        try {
            execute("INSERT INTO bans (wallet, reason, banned_at, expires_at, lifted_at) VALUES (" + values +
                    ")");
        } catch (const base::Error&) {
            return true;
        }
        return false;
    };
    const auto wallet = "'" + address(1) + "'";
    BOOST_TEST(refused("'0x12', 'spam', 5, NULL, NULL"));
    BOOST_TEST(refused(wallet + ", '', 5, NULL, NULL"));
    BOOST_TEST(refused(wallet + ", 'spam', 5, 5, NULL"));
    BOOST_TEST(refused(wallet + ", 'spam', 5, NULL, 4"));
    BOOST_TEST(!refused(wallet + ", 'spam', 5, 6, 5"));
}

BOOST_AUTO_TEST_SUITE_END()
