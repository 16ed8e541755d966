#include "base/random.h"

#include "base/error.h"
#include "base/hex.h"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace base {

std::uint32_t Random::uniform(std::uint32_t lowest, std::uint32_t highest)
{
    // 64 random bits make the bias of the remainder smaller than 2^-32.
    std::uint64_t bits = 0;
    fill(reinterpret_cast<unsigned char*>(&bits), sizeof bits);
    const auto span = std::uint64_t{highest} - lowest + 1;
    return static_cast<std::uint32_t>(lowest + bits % span);
}

std::string Random::uuid_v4()
{
    std::array<unsigned char, 16> bytes{};
    fill(bytes.data(), bytes.size());
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text = to_hex(bytes.data(), bytes.size());
    for (const std::size_t hyphen : {8U, 13U, 18U, 23U})
        text.insert(hyphen, 1, '-');
    return text;
}

void SystemRandom::fill(unsigned char* bytes, std::size_t count)
{
    constexpr std::size_t most_at_once = 256; // getentropy() gives no more
    for (std::size_t filled = 0; filled < count;) {
        const auto part = std::min(count - filled, most_at_once);
        if (::getentropy(bytes + filled, part) != 0)
            throw Error(ErrorCode::internal, "internal_error", "the system gives no randomness");
        filled += part;
    }
}

bool is_uuid(const std::string& text)
{
    if (text.size() != 36)
        return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text[i] != '-' : hex_value(text[i]) < 0)
            return false;
    }
    return true;
}

std::string id_of(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

} // namespace base
