// From a request to the handler that answers it. The handlers' files are named after the first part of the
// path.
#pragma once

#include "app.h"
#include "base/json.h"
#include "http.h"

// What a handler gets: the request after authentication and parsing.
struct Call
{
    const http::Request& request;
    std::string wallet;         // of the access token; empty on public routes
    base::Json body;            // an object; empty if the request has no body
    std::string path_id;        // what stands in the path for the route's first ":...", raw
    std::string second_path_id; // and for its second
};

// Answers any request. What goes wrong becomes a status and an error in JSON; throws std::bad_alloc, and
// nothing else, if there is no memory to say even that.
http::Response dispatch(App& app, const http::Request& request);

// The request's method as it may be logged: "other" for one that no client of ours sends.
const char* method_of(const http::Request& request);

// Counts the answer and writes the request's line of the log.
void record(App& app, const http::Request& request, const http::Response& response,
            std::int64_t microseconds);

// 200 with a JSON body.
http::Response ok(const base::Json& body);
// The ETag of a body: quoted, and another one for every other body.
std::string etag_of(const std::string& body);
// The body with that ETag and Cache-Control, or 304 for a client that has it already.
http::Response cacheable(const http::Request& request, const std::string& body, const std::string& etag,
                         const char* cache_control);

// The handlers, each in the file of its path.
http::Response get_metrics(App& app, const Call& call);
http::Response get_health(App& app, const Call& call);
http::Response get_openapi(App& app, const Call& call);
http::Response post_auth_nonce(App& app, const Call& call);
http::Response post_auth_verify(App& app, const Call& call);
http::Response get_credits(App& app, const Call& call);
http::Response get_credits_history(App& app, const Call& call);
http::Response post_credits_verify_celo(App& app, const Call& call);
http::Response post_rooms_create(App& app, const Call& call);
http::Response post_rooms_join(App& app, const Call& call);
http::Response post_rooms_heartbeat(App& app, const Call& call);
http::Response post_rooms_token_renew(App& app, const Call& call);
http::Response post_rooms_leave(App& app, const Call& call);
http::Response get_rooms_active(App& app, const Call& call);
http::Response get_room(App& app, const Call& call);
http::Response delete_room(App& app, const Call& call);
http::Response delete_room_participant(App& app, const Call& call);
http::Response post_session_join(App& app, const Call& call);
http::Response post_session_leave(App& app, const Call& call);
http::Response post_session_attest(App& app, const Call& call);
