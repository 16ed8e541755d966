#include "routes.h"

extern const char* const openapi_document; // openapi.json, compiled in

http::Response get_openapi(App&, const Call& call)
{
    return cacheable(call.request, openapi_document, "public, max-age=300");
}
