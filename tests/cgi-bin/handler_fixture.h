// What the tests of the handlers share: the list of all routes, requests with anything in them, tokens that
// nobody should accept, and a database that other processes could open.
#pragma once

#include "base/base64.h"
#include "base/config.h"
#include "base/hex.h"
#include "base/hmac.h"
#include "fixture.h"
#include "routes.h"
#include "temporary_folder.h"

#include <algorithm>
#include <vector>

// A route with ids in its path that name rooms and people whom nobody knows.
struct KnownRoute
{
    const char* method;
    std::string path;
    bool needs_token;
    bool needs_service_token;
};

// All but what there is by settings alone: /metrics, /service, /auth/demo; and but the page, which is no
// JSON.
inline std::vector<KnownRoute> make_known_routes()
{
    std::vector<KnownRoute> known;
    for (const auto& route : all_routes()) {
        if (route.access == Access::monitor || route.access == Access::backend ||
            route.access == Access::visitor || route.access == Access::tester)
            continue;
        std::string path = route.path;
        for (const auto& [name, id] :
             {std::pair(":room_id", "00000000-0000-4000-8000-000000000000"),
              std::pair(":connection_id", "00000000-0000-4000-8000-000000000001"), std::pair(":id", "7")}) {
            if (const auto at = path.find(name); at != std::string::npos)
                path.replace(at, std::string_view(name).size(), id);
        }
        known.push_back({route.method, path, route.access == Access::wallet || route.access == Access::agora,
                         route.access == Access::service});
    }
    return known;
}
inline const std::vector<KnownRoute> known_routes = make_known_routes();

// The three that speak for a connection; they share body and refusals.
inline const std::vector<const char*> connection_paths = {"/rooms/heartbeat", "/rooms/token/renew",
                                                          "/rooms/leave"};

// UUIDs that nothing has.
inline const std::string unknown_id = "00000000-0000-4000-8000-000000000000";
inline const std::string other_unknown_id = "00000000-0000-4000-8000-000000000001";

class HandlerFixture : public AppFixture
{
  public:
    using AppFixture::AppFixture;

    static http::Request request(const std::string& method, const std::string& path,
                                 const std::string& body = {})
    {
        http::Request made;
        made.method = method;
        made.path = path;
        made.body = body;
        return made;
    }

    // Agora's, of a body of its notification service.
    std::string signature_of(const std::string& body) const
    {
        return base::to_hex(base::hmac_sha256(config.agora_notification_secret, body));
    }

    // With a good token of `wallet_address`, and the operator's or the backend's.
    http::Request signed_in(http::Request made, const std::string& wallet_address) const
    {
        made.authorization = "Bearer " + token_for(wallet_address);
        made.service_token =
            made.path.rfind("/service/", 0) == 0 ? config.service_token : config.oracle_service_token;
        made.agora_signature = signature_of(made.body);
        return made;
    }

    // A JWT with a good HS256 signature, whatever it claims.
    std::string sign_token(const std::string& header, const std::string& claims) const
    {
        return sign_token(header, claims, config.jwt_secret);
    }
    static std::string sign_token(const std::string& header, const std::string& claims,
                                  const std::string& secret)
    {
        const auto text = base::base64url(header) + "." + base::base64url(claims);
        return text + "." + base::base64url(base::hmac_sha256(secret, text));
    }

    // A wallet that owns a .heaven name.
    std::string named(unsigned number)
    {
        const auto wallet_address = address(number);
        chain.names.insert(wallet_address);
        return wallet_address;
    }

    // Rows in all tables together: what a stranger must not be able to add to.
    std::int64_t rows_stored()
    {
        std::int64_t rows = 0;
        const auto tables = engine::tables(db());
        BOOST_TEST_REQUIRE(tables.size() >= 6);
        for (const auto& table : tables)
            rows += query("SELECT count(*) FROM " + table);
        return rows;
    }
};

inline void check_refusal(const Reply& reply, int status, const std::string& error)
{
    BOOST_TEST(reply.status == status);
    BOOST_TEST_REQUIRE(reply.body.is_object(), "an error is an object, not " << reply.body.dump());
    BOOST_TEST(reply.body.value("error", base::Json()).dump() == base::Json(error).dump());
}

// Whether `body` says all that `expected` does.
inline bool says(const base::Json& body, const base::Json& expected)
{
    if (expected.is_object() && body.is_object())
        return std::all_of(expected.items().begin(), expected.items().end(), [&](const auto& field) {
            return body.contains(field.key()) && says(body.at(field.key()), field.value());
        });
    return expected.is_array() && body.is_array()
               ? std::equal(body.begin(), body.end(), expected.begin(), expected.end(), says)
               : body.dump() == expected.dump();
}

inline void check_answer(const Reply& reply, const base::Json& body)
{
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.body.dump() == body.dump());
}

// Of an answer that describes a room, to which fields are added: that it has no others than openapi.json says
// is seen by the fixture.
inline void check_description(const Reply& reply, const base::Json& expected)
{
    BOOST_TEST(reply.status == 200);
    BOOST_TEST(says(reply.body, expected), reply.body.dump() << " is not " << expected.dump());
}

inline std::string header_of(const Reply& reply, const std::string& name)
{
    const auto found = reply.headers.find(name);
    return found == reply.headers.end() ? std::string() : found->second;
}

inline std::string header_of(const http::Response& response, std::string_view name)
{
    const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                    [&](const auto& header) { return header.first == name; });
    return found == response.headers.end() ? std::string() : found->second;
}

// A database that others can open, too: SQLite's at `path`.
inline base::Config config_with_database(const std::string& path)
{
    auto config = test_config();
    config.database_path = path;
    // PostgreSQL itself may hold a lock for a moment.
    config.database_busy_timeout_ms = engine::is_postgresql() ? 50 : 1;
    return config;
}

// Its name is "/nonexistent/directory".
inline base::Config config_without_database()
{
    auto config = test_config();
    engine::choose_unreachable_database(config);
    config.database_busy_timeout_ms = 1;
    return config;
}
