#include "page.h"

#include "base/error.h"
#include "web_files.h"

namespace {

// Scripts and styles come from files alone. Agora's SDK is the one thing from elsewhere: it is loaded from
// Agora's CDN, and speaks to Agora's servers. (Agora, "Firewall requirements": Web SDK.)
constexpr const char* security_policy =
    "default-src 'none'; script-src 'self' https://download.agora.io; style-src 'self'; img-src 'self' "
    "data:; "
    "connect-src 'self' https://*.agora.io:* wss://*.agora.io:* https://*.sd-rtn.com:* "
    "wss://*.sd-rtn.com:*; media-src 'self' blob:; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

const char* content_type_of(std::string_view name)
{
    if (name.ends_with(".html"))
        return "text/html; charset=utf-8";
    if (name.ends_with(".css"))
        return "text/css; charset=utf-8";
    return name.ends_with(".svg") ? "image/svg+xml" : "text/javascript; charset=utf-8";
}

http::Response serve(const Call& call, std::string_view name)
{
    auto response = answer_with_file(call.request, name, content_type_of(name), "no-cache");
    if (response.status == 304)
        return response;
    if (name.ends_with(".html")) // it is the document's that counts
        response.headers.emplace_back("Content-Security-Policy", security_policy);
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    response.headers.emplace_back("Referrer-Policy", "no-referrer"); // a room's address is not for others
    return response;
}

} // namespace

http::Response get_page(App&, const Call& call)
{
    return serve(call, "index.html");
}

http::Response get_operator_view(App&, const Call& call)
{
    if (!call.request.path.ends_with('/'))
        return serve(call, "operator.html");
    http::Response response; // what the view names stands beside it, not below it
    response.status = 308;
    response.headers.emplace_back("Location", "../operator");
    return response;
}

http::Response get_web_file(App&, const Call& call)
{
    if (call.path_id.ends_with(".json")) // openapi.json has a path of its own
        throw base::Error(base::ErrorCode::not_found, "not_found");
    return serve(call, call.path_id);
}
