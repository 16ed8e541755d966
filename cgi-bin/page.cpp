#include "page.h"

#include "base/error.h"
#include "base/text.h"
#include "responses.h"
#include "web_files.h"

#include <algorithm>

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

// RFC 9110, 12.5.3, as far as browsers and tools use it: a coding with the weight 0 is not wanted.
bool takes_gzip(const std::string& accept_encoding)
{
    const auto codings = base::split(accept_encoding, ", \t");
    const auto gzip = std::find_if(codings.begin(), codings.end(),
                                   [](const auto& coding) { return coding.rfind("gzip", 0) == 0; });
    if (gzip == codings.end())
        return false;
    const auto weight = gzip->substr(4);
    return weight.empty() || weight.find_first_of("123456789") != std::string::npos;
}

http::Response serve(const Call& call, std::string_view name)
{
    const auto files = web_files();
    const auto file =
        std::find_if(files.begin(), files.end(), [&](const WebFile& each) { return each.name == name; });
    if (file == files.end())
        throw base::Error(base::ErrorCode::not_found, "not_found");
    const bool compressed = takes_gzip(call.request.accept_encoding);
    const auto etag = '"' + std::string(file->etag) + (compressed ? "-gzip\"" : "\"");
    auto response =
        cacheable(call.request, compressed ? std::string(file->gzip) : file->text(), etag, "no-cache");
    response.headers.emplace_back("Vary", "Accept-Encoding");
    if (response.status == 304)
        return response;
    response.headers.emplace_back("Content-Type", content_type_of(name));
    if (compressed)
        response.headers.emplace_back("Content-Encoding", "gzip");
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
    return serve(call, call.path_id);
}
