#include "base/cgi.h"

#include <cstdio>
#include <cstdlib>

namespace base {

bool is_cgi_request()
{
    return std::getenv("GATEWAY_INTERFACE") != nullptr || std::getenv("REQUEST_METHOD") != nullptr;
}

void refuse_cgi_request()
{
    std::fputs("Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\n"
               "This program answers no requests.\n",
               stdout);
}

} // namespace base
