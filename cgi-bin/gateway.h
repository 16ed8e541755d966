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
    virtual const char* variable(const char* name) const = 0; // nullptr if there is none
    virtual std::size_t read(char* buffer, std::size_t count) = 0;
    virtual void write(const std::string& bytes) = 0;

    std::string text(const char* name) const
    {
        const char* value = variable(name);
        return value == nullptr ? std::string() : std::string(value);
    }
};

// What arrived, without the time, which is for the caller to stamp. Reads the body to its end, or as far as a
// web server would pass it on.
http::Request read_request(Gateway& gateway);

void write_response(Gateway& gateway, const http::Response& response);
