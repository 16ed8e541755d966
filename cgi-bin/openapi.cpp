#include "openapi.h"

#include "web_files.h"

http::Response get_openapi(App&, const Call& call)
{
    return answer_with_file(call.request, "openapi.json", "application/json", "public, max-age=300");
}
