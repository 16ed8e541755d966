// Reads what a client's Agora SDK reads out of a token ("007" and base64 of compressed fields).
#pragma once

#include "base/base64.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <zlib.h>

struct DecodedAgoraToken
{
    std::string app_id;
    std::uint32_t issued_at = 0;
    std::uint32_t expires_in_seconds = 0;
    std::map<std::uint16_t, std::uint32_t> privileges; // number -> seconds after issue
    std::string channel;
    std::string uid; // decimal digits
};

// Throws std::runtime_error for any other text.
inline DecodedAgoraToken decode_agora_token(const std::string& token)
{
    const auto require = [](bool is_met, const char* what) {
        if (!is_met)
            throw std::runtime_error(std::string("Agora token: ") + what);
    };
    require(token.substr(0, 3) == "007", "version");
    auto text = token.substr(3, token.find_last_not_of('=') - 2);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    const auto compressed = base::from_base64url(text);
    require(compressed.has_value(), "base64");

    std::string content(4096, '\0');
    auto length = static_cast<uLongf>(content.size());
    require(uncompress(reinterpret_cast<Bytef*>(content.data()), &length,
                       reinterpret_cast<const Bytef*>(compressed->data()),
                       static_cast<uLong>(compressed->size())) == Z_OK,
            "zlib");
    content.resize(length);

    std::size_t at = 0;
    const auto bytes = [&](std::size_t count) {
        require(at + count <= content.size(), "cut off");
        at += count;
        return content.substr(at - count, count);
    };
    const auto number = [&](std::size_t count) {
        std::uint32_t value = 0;
        const auto little_endian = bytes(count);
        for (std::size_t i = count; i-- > 0;)
            value = value << 8 | static_cast<unsigned char>(little_endian[i]);
        return value;
    };
    const auto string = [&] { return bytes(number(2)); };

    DecodedAgoraToken decoded;
    require(string().size() == 32, "signature");
    decoded.app_id = string();
    decoded.issued_at = number(4);
    decoded.expires_in_seconds = number(4);
    number(4); // salt
    require(number(2) == 1 && number(2) == 1, "one service, RTC");
    for (auto left = number(2); left > 0; --left) {
        const auto privilege = static_cast<std::uint16_t>(number(2));
        decoded.privileges[privilege] = number(4);
    }
    decoded.channel = string();
    decoded.uid = string();
    require(at == content.size(), "trailing bytes");
    return decoded;
}
