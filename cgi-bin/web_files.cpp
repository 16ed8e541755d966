#include "web_files.h"

#include "base/error.h"
#include "base/text.h"
#include "responses.h"

#include <algorithm>

#define ZLIB_CONST // zlib reads what it unpacks through a pointer to const
#include <zlib.h>

namespace {

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

} // namespace

std::string WebFile::text() const
{
    constexpr int gzip_format = 16 + MAX_WBITS;
    std::string unpacked(bytes, '\0');
    z_stream stream{};
    stream.next_in = reinterpret_cast<const Bytef*>(gzip.data());
    stream.avail_in = static_cast<uInt>(gzip.size());
    stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
    stream.avail_out = static_cast<uInt>(unpacked.size());
    const bool is_whole =
        inflateInit2(&stream, gzip_format) == Z_OK && inflate(&stream, Z_FINISH) == Z_STREAM_END;
    inflateEnd(&stream);
    if (!is_whole)
        throw base::Error(base::ErrorCode::internal, "internal_error",
                          "a file of the program's cannot be unpacked");
    return unpacked;
}

http::Response answer_with_file(const http::Request& request, std::string_view name, const char* content_type,
                                const char* cache_control)
{
    const auto files = web_files();
    const auto file =
        std::find_if(files.begin(), files.end(), [&](const WebFile& each) { return each.name == name; });
    if (file == files.end())
        throw base::Error(base::ErrorCode::not_found, "not_found");
    const bool compressed = takes_gzip(request.accept_encoding);
    const auto etag = '"' + std::string(file->etag) + (compressed ? "-gzip\"" : "\"");
    auto response = cacheable(request, etag, cache_control);
    response.headers.emplace_back("Vary", "Accept-Encoding");
    if (response.status == 304)
        return response;
    response.body = compressed ? std::string(file->gzip) : file->text();
    response.headers.emplace_back("Content-Type", content_type);
    if (compressed)
        response.headers.emplace_back("Content-Encoding", "gzip");
    return response;
}
