// Agora's AccessToken2 ("007") for one RTC channel.
#pragma once

#include "base/clock.h"
#include "base/random.h"

#include <cstdint>
#include <string>

namespace agora {

// Of a token's privileges a publisher has all (join the channel, publish audio, video, data), a subscriber
// the first.
enum class Role
{
    publisher,
    subscriber
};

struct RtcToken
{
    std::string app_id;          // 32 hex digits, case as in Agora's console
    std::string app_certificate; // likewise
    std::string channel;         // UTF-8; Agora wants under 64 bytes
    std::uint32_t uid = 0;       // 0 admits any uid
    Role role = Role::publisher;
    std::uint32_t issued_at = 0;                    // unix seconds
    std::uint32_t salt = 0;                         // random, 1 to 99999999
    std::uint32_t expires_in_seconds = 0;           // after issue
    std::uint32_t privilege_expires_in_seconds = 0; // after issue, each privilege
};

// The content before compression: the signature, then what it signs. Throws Error(internal) for credentials
// that are not 32 hex digits each and for a channel over 65535 bytes.
std::string pack(const RtcToken& token);

// The token's text: "007" and the base64 of the zlib-compressed content.
std::string build(const RtcToken& token);

// Makes publishers' tokens for one project. Throws Error(internal) for a uid outside 1 to 2^32 - 1.
class TokenIssuer
{
  public:
    TokenIssuer(std::string app_id, std::string app_certificate)
        : app_id_(std::move(app_id)), app_certificate_(std::move(app_certificate))
    {
    }
    std::string issue(const std::string& channel, std::int64_t uid, base::UnixSeconds now,
                      std::int64_t ttl_seconds, base::Random& random) const;

  private:
    std::string app_id_;
    std::string app_certificate_;
};

} // namespace agora
