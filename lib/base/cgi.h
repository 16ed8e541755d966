// What a program has to know of CGI (RFC 3875) before it reads its arguments.
#pragma once

namespace base {

// Whether a web server started this process to answer a request. Then its arguments are a client's words: the
// server may make them of a query without "=" (RFC 3875, 4.4). Nobody is to read them.
bool is_cgi_request();

// The whole answer, on standard output, of a program that lies in a folder of CGI programs and is none.
void refuse_cgi_request();

} // namespace base
