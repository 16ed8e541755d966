#include "routes.h"

#include "agora.h"
#include "auth.h"
#include "credits.h"
#include "health.h"
#include "metrics.h"
#include "openapi.h"
#include "page.h"
#include "rooms.h"
#include "service.h"
#include "sessions.h"

#include <algorithm>

namespace {

// A call that outlived its access token can still be ended by who made it, and nothing else.
constexpr std::int64_t may_leave_seconds = 86400;

// The first path that matches is the one that was meant.
constexpr Route routes[] = {
    {"GET", "/", Access::visitor, Pool::read, get_page},
    {"GET", "/operator", Access::visitor, Pool::read, get_operator_view},
    {"GET", "/web/:file", Access::visitor, Pool::read, get_web_file},
    {"GET", "/health", Access::everybody, Pool::read, get_health},
    {"GET", "/metrics", Access::monitor, Pool::disk, get_metrics},
    {"GET", "/openapi.json", Access::everybody, Pool::read, get_openapi},
    {"POST", "/auth/nonce", Access::everybody, Pool::disk, post_auth_nonce, sign_in},
    {"POST", "/auth/verify", Access::everybody, Pool::chain, post_auth_verify, sign_in | chain, false, 0,
     http::max_sign_in_body_bytes},
    {"POST", "/auth/demo", Access::tester, Pool::disk, post_auth_demo, sign_in},
    {"POST", "/auth/refresh", Access::wallet, Pool::read, post_auth_refresh, unlimited, false, 60},
    {"GET", "/credits", Access::wallet, Pool::read, get_credits},
    {"GET", "/credits/history", Access::wallet, Pool::disk, get_credits_history},
    {"POST", "/credits/verify-celo", Access::wallet, Pool::chain, post_credits_verify_celo, chain, true},
    {"POST", "/rooms/create", Access::wallet, Pool::chain, post_rooms_create, create | chain, true},
    {"POST", "/rooms/join", Access::wallet, Pool::chain, post_rooms_join, join | chain, true},
    {"POST", "/rooms/heartbeat", Access::wallet, Pool::read, post_rooms_heartbeat},
    {"POST", "/rooms/token/renew", Access::wallet, Pool::disk, post_rooms_token_renew},
    {"POST", "/rooms/leave", Access::wallet, Pool::disk, post_rooms_leave, unlimited, true,
     may_leave_seconds},
    {"GET", "/rooms/active", Access::everybody, Pool::read, get_rooms_active},
    {"GET", "/rooms/:room_id", Access::wallet, Pool::disk, get_room},
    {"DELETE", "/rooms/:room_id", Access::wallet, Pool::disk, delete_room},
    {"DELETE", "/rooms/:room_id/participants/:connection_id", Access::wallet, Pool::disk,
     delete_room_participant},
    {"POST", "/agora/events", Access::agora, Pool::disk, post_agora_events},
    {"POST", "/session/join", Access::wallet, Pool::chain, post_session_join, join | chain},
    {"POST", "/session/:id/leave", Access::wallet, Pool::disk, post_session_leave, unlimited, false,
     may_leave_seconds},
    {"POST", "/session/:id/attest", Access::service, Pool::chain, post_session_attest, attest},
    {"POST", "/service/credits/grant", Access::backend, Pool::disk, post_service_credits_grant, unlimited,
     true},
    {"POST", "/service/credits/refund", Access::backend, Pool::disk, post_service_credits_refund, unlimited,
     true},
    {"GET", "/service/wallets/:wallet", Access::backend, Pool::disk, get_service_wallet},
    {"GET", "/service/wallets/:wallet/history", Access::backend, Pool::disk, get_service_wallet_history},
    {"PUT", "/service/wallets/:wallet/ban", Access::backend, Pool::disk, put_service_wallet_ban, unlimited,
     true},
    {"DELETE", "/service/wallets/:wallet/ban", Access::backend, Pool::disk, delete_service_wallet_ban,
     unlimited, true},
    {"GET", "/service/rooms", Access::backend, Pool::disk, get_service_rooms},
    {"DELETE", "/service/rooms/:room_id", Access::backend, Pool::disk, delete_service_room, unlimited, true},
    {"DELETE", "/service/rooms/:room_id/participants/:connection_id", Access::backend, Pool::disk,
     delete_service_room_participant, unlimited, true},
    {"GET", "/service/usage", Access::backend, Pool::disk, get_service_usage},
};

// Takes the first segment, with the slash before it, off the path.
std::string_view take_segment(std::string_view& path)
{
    const auto segment = path.substr(0, path.find('/', 1));
    path.remove_prefix(segment.size());
    return segment;
}

// Whether the path is the route's, where ":..." stands for one segment that is not empty; those are put into
// `ids`.
bool matches(std::string_view path, std::string_view route, std::vector<std::string>& ids)
{
    ids.clear();
    while (!path.empty() && !route.empty()) {
        const auto segment = take_segment(path);
        const auto expected = take_segment(route);
        if (expected.substr(0, 2) == "/:" && segment.size() > 1 && segment.front() == '/')
            ids.emplace_back(segment.substr(1));
        else if (segment != expected)
            return false;
    }
    return path.empty() && route.empty();
}

} // namespace

std::span<const Route> all_routes()
{
    return routes;
}

Match match(std::string_view path)
{
    if (path.size() > 2 && path.back() == '/') // "//" is no path of ours
        path.remove_suffix(1);
    Match found;
    for (const auto& route : routes) {
        if (matches(path, route.path, found.ids)) {
            found.meant = &route;
            return found;
        }
    }
    found.ids.clear();
    return found;
}

const Route* Match::with_method(std::string_view method) const
{
    const auto wanted = method == "HEAD" ? std::string_view("GET") : method;
    const auto* known = std::find_if(std::begin(routes), std::end(routes), [&](const Route& route) {
        return std::string_view(route.path) == pattern() && route.method == wanted;
    });
    return known == std::end(routes) ? nullptr : known;
}

std::string Match::allowed_methods() const
{
    std::string allowed;
    for (const std::string_view method : {"GET", "POST", "PUT", "DELETE"}) {
        if (with_method(method) != nullptr)
            allowed += (method == "GET" ? std::string("GET, HEAD") : std::string(method)) + ", ";
    }
    return allowed + "OPTIONS";
}
