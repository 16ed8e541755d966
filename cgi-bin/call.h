// What a handler gets: the request after authentication and parsing.
#pragma once

#include "app.h"
#include "base/json.h"
#include "http.h"

#include <string>

struct Call
{
    const http::Request& request;
    std::string wallet = {};                // of the access token; empty on public routes
    base::UnixSeconds signed_in_at = 0;     // when it signed for that
    base::Json body = base::Json::object(); // an object; empty if the request has no body
    std::string path_id = {};               // what stands in the path for the route's first ":...", raw
    std::string second_path_id = {};        // and for its second
};
