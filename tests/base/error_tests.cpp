#include "base/error.h"

#include "fixture.h"

BOOST_AUTO_TEST_SUITE(error_tests)

BOOST_AUTO_TEST_CASE(the_client_gets_the_name_and_the_log_the_detail)
{
    const base::Error plain(base::ErrorCode::conflict, "room_full");
    BOOST_TEST(plain.name() == "room_full");
    BOOST_TEST(plain.what() == "room_full");
    BOOST_TEST(plain.fields().empty());

    const base::Error detailed(base::ErrorCode::internal, "internal_error", "a bug");
    BOOST_TEST(detailed.name() == "internal_error");
    BOOST_TEST(detailed.what() == "internal_error: a bug");
    BOOST_TEST((detailed.code() == base::ErrorCode::internal));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_the_clients_or_the_chains_doing_and_no_fault_of_the_service)
{
    using base::ErrorCode;
    for (const auto code :
         {ErrorCode::invalid_argument, ErrorCode::unauthenticated, ErrorCode::permission_denied,
          ErrorCode::not_found, ErrorCode::conflict, ErrorCode::rate_limited, ErrorCode::chain_unavailable})
        BOOST_TEST(base::is_refusal(code));
    for (const auto code : {ErrorCode::database_unavailable, ErrorCode::database_newer,
                            ErrorCode::database_moved, ErrorCode::internal})
        BOOST_TEST(!base::is_refusal(code));
}

BOOST_AUTO_TEST_CASE(fields_keep_their_order_and_type)
{
    const std::string room_id = "r";
    const auto error = base::Error(base::ErrorCode::conflict, "already_in_free_room")
                           .with("room_id", room_id)
                           .with("remaining_seconds", std::int64_t{7})
                           .with("granted", false)
                           .with("expires_at", nullptr);
    BOOST_REQUIRE(error.fields().size() == 4u);
    BOOST_TEST(error.fields()[0].first == "room_id");
    BOOST_TEST(std::get<std::string>(error.fields()[0].second) == "r");
    BOOST_TEST(std::get<std::int64_t>(error.fields()[1].second) == 7);
    BOOST_TEST(std::get<bool>(error.fields()[2].second) == false);
    BOOST_TEST(std::holds_alternative<std::nullptr_t>(error.fields()[3].second));
}

BOOST_AUTO_TEST_SUITE_END()
