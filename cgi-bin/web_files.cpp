#include "web_files.h"

#include "base/error.h"

#define ZLIB_CONST // zlib reads what it unpacks through a pointer to const
#include <zlib.h>

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
                          "a file of the page cannot be unpacked");
    return unpacked;
}
