#include "agora/rtc_token.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/hmac.h"

#include <zlib.h>

namespace agora {

namespace {

constexpr std::uint16_t rtc_service = 1;

[[noreturn]] void refuse(const char* why)
{
    throw base::Error(base::ErrorCode::internal, "internal_error", std::string("Agora token: ") + why);
}

std::string u16(std::size_t number)
{
    return {static_cast<char>(number & 0xff), static_cast<char>(number >> 8 & 0xff)};
}

std::string u32(std::uint32_t number)
{
    return u16(number & 0xffff) + u16(number >> 16);
}

std::string string(const std::string& bytes)
{
    return u16(bytes.size()) + bytes;
}

bool is_credential(const std::string& text)
{
    return text.size() == 32 && base::from_hex(text).has_value();
}

std::string compress(const std::string& content)
{
    auto length = compressBound(static_cast<uLong>(content.size()));
    std::string compressed(length, '\0');
    if (::compress(reinterpret_cast<Bytef*>(compressed.data()), &length,
                   reinterpret_cast<const Bytef*>(content.data()),
                   static_cast<uLong>(content.size())) != Z_OK)
        refuse("zlib failed");
    compressed.resize(length);
    return compressed;
}

} // namespace

std::string pack(const RtcToken& token)
{
    if (!is_credential(token.app_id) || !is_credential(token.app_certificate))
        refuse("the credentials are not 32 hex digits each");
    if (token.channel.size() > 0xffff)
        refuse("the channel's name is too long");

    // 1 join the channel, 2 publish audio, 3 video, 4 data
    const std::uint16_t privileges = token.role == Role::publisher ? 4 : 1;
    std::string privilege_map = u16(privileges);
    for (std::uint16_t privilege = 1; privilege <= privileges; ++privilege)
        privilege_map += u16(privilege) + u32(token.privilege_expires_in_seconds);

    const std::string info = string(token.app_id) + u32(token.issued_at) + u32(token.expires_in_seconds) +
                             u32(token.salt) + u16(1) + u16(rtc_service) + privilege_map +
                             string(token.channel) + string(token.uid == 0 ? "" : std::to_string(token.uid));

    const auto issue_key = base::hmac_sha256(u32(token.issued_at), token.app_certificate);
    const auto signing_key = base::hmac_sha256(u32(token.salt), issue_key);
    return string(base::hmac_sha256(signing_key, info)) + info;
}

std::string build(const RtcToken& token)
{
    return "007" + base::base64(compress(pack(token)));
}

std::string TokenIssuer::issue(const std::string& channel, std::int64_t uid, base::UnixSeconds now,
                               std::int64_t ttl_seconds, base::Random& random) const
{
    if (uid < 1 || uid > 0xffffffff)
        refuse("0 would admit anybody, and a uid has 32 bits");
    RtcToken token;
    token.app_id = app_id_;
    token.app_certificate = app_certificate_;
    token.channel = channel;
    token.uid = static_cast<std::uint32_t>(uid);
    token.issued_at = static_cast<std::uint32_t>(now);
    token.salt = random.uniform(1, 99999999);
    token.expires_in_seconds = static_cast<std::uint32_t>(ttl_seconds);
    token.privilege_expires_in_seconds = token.expires_in_seconds;
    return build(token);
}

} // namespace agora
