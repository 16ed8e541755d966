#include "ethereum/rlp.h"

#include "ethereum/uint256.h"

namespace ethereum::rlp {

namespace {

constexpr unsigned short_string = 0x80;
constexpr unsigned short_list = 0xc0;

// Up to 55 bytes the length fits the first byte; beyond, that byte counts the bytes of the length.
std::string header(std::size_t length, unsigned offset)
{
    if (length <= 55)
        return std::string(1, static_cast<char>(offset + length));
    const auto length_bytes = Uint256(length).to_bytes();
    return static_cast<char>(offset + 55 + length_bytes.size()) + length_bytes;
}

} // namespace

std::string encode(std::string_view bytes)
{
    if (bytes.size() == 1 && static_cast<unsigned char>(bytes[0]) < short_string)
        return std::string(bytes);
    return header(bytes.size(), short_string).append(bytes);
}

std::string encode_list(const std::vector<std::string>& encoded_items)
{
    std::string payload;
    for (const auto& item : encoded_items)
        payload += item;
    return header(payload.size(), short_list) + payload;
}

} // namespace ethereum::rlp
