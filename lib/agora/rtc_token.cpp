#include "agora/rtc_token.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/hmac.h"

#define ZLIB_CONST // zlib reads what it compresses through a pointer to const
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

// zlib's deflate at its default level. Its state, some hundred kilobytes, is made once; most of what it
// clears for each token is the table of hashes, which need not have room for more than a token.
class Deflater
{
  public:
    Deflater()
    {
        constexpr int largest_window = 15;
        constexpr int memory_for_a_token = 4; // 2^11 hashes
        if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, largest_window, memory_for_a_token,
                         Z_DEFAULT_STRATEGY) != Z_OK)
            refuse("zlib has no memory");
    }
    ~Deflater() { deflateEnd(&stream_); }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;

    std::string compress(const std::string& content)
    {
        deflateReset(&stream_);
        std::string compressed(deflateBound(&stream_, static_cast<uLong>(content.size())), '\0');
        stream_.next_in = reinterpret_cast<const Bytef*>(content.data());
        stream_.avail_in = static_cast<uInt>(content.size());
        stream_.next_out = reinterpret_cast<Bytef*>(compressed.data());
        stream_.avail_out = static_cast<uInt>(compressed.size());
        if (deflate(&stream_, Z_FINISH) != Z_STREAM_END)
            refuse("zlib failed");
        compressed.resize(stream_.total_out);
        return compressed;
    }

  private:
    z_stream stream_{};
};

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
    static thread_local Deflater deflater;
    return "007" + base::base64(deflater.compress(pack(token)));
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
