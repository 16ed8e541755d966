// The files of cgi-bin/web, as the build put them into the program.
#pragma once

#include <span>
#include <string_view>

struct WebFile
{
    std::string_view name;
    std::string_view text;
    std::string_view gzip; // the same, compressed
    std::string_view etag; // of the text, without quotes
};

std::span<const WebFile> web_files();
