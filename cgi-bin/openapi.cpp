#include "openapi.h"

#include "responses.h"

extern const char* const openapi_document; // openapi.json, compiled in

http::Response get_openapi(App&, const Call& call)
{
    static const std::string body = openapi_document;
    static const std::string etag = etag_of(body);
    return cacheable(call.request, body, etag, "public, max-age=300");
}
