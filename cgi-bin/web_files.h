// The files of cgi-bin/web, and openapi.json, as the build put them into the program: compressed.
#pragma once

#include "http.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

struct WebFile
{
    std::string_view name;
    std::string_view gzip;
    std::size_t bytes;     // of the text
    std::string_view etag; // likewise, without quotes

    // The file as it is. Throws Error(internal) if there is no memory for it.
    std::string text() const;
};

std::span<const WebFile> web_files();

// Compressed for who takes that, or 304 for who has it. Throws Error(not_found) if there is no such file.
http::Response answer_with_file(const http::Request& request, std::string_view name, const char* content_type,
                                const char* cache_control);
