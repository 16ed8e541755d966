// A request as both protocols, CGI and FastCGI, describe it: by CGI variables (RFC 3875), with the body as a
// stream.
#pragma once

#include "http.h"

#include <cstddef>
#include <string>

class Gateway
{
  public:
    virtual ~Gateway() = default;
    virtual const char* const* variables() const = 0; // "NAME=value", as in environ; ends with a null
    virtual std::size_t read(char* buffer, std::size_t count) = 0;
    virtual void write(const std::string& bytes) = 0;
};

// What arrived, without the time, which is for the caller to stamp. Reads the body to its end, or as far as a
// web server would pass it on.
http::Request read_request(Gateway& gateway);

void write_response(Gateway& gateway, const http::Response& response);
