#include "rooms/metering.h"

#include "fixture.h"

BOOST_FIXTURE_TEST_SUITE(metering_tests, AppFixture)

// The heartbeat and the cron run may land on the same second.
BOOST_AUTO_TEST_CASE(a_second_is_charged_once)
{
    const auto room_id = create_room(address(1), 1000);
    const auto seat = join(address(1), room_id);
    now += 30;
    BOOST_TEST(post("/rooms/heartbeat", caller(seat), address(1)).body["remaining_seconds"] == 970);
    BOOST_TEST(post("/rooms/heartbeat", caller(seat), address(1)).body["remaining_seconds"] == 970);
    sweep();
    BOOST_TEST(remaining(address(1)) == 970);
    require_clean_audit();
}

BOOST_AUTO_TEST_SUITE_END()
