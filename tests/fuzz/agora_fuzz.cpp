// Agora tokens: what was put in comes out at the client's.
#include "agora/rtc_token.h"
#include "base/hex.h"
#include "cgi-bin/agora_token.h"
#include "fuzz.h"

FUZZ_TARGET(agora)
{
    fuzz::Input input(bytes);
    agora::RtcToken token;
    token.uid = static_cast<std::uint32_t>(input.number(4));
    token.issued_at = static_cast<std::uint32_t>(input.number(4));
    token.salt = static_cast<std::uint32_t>(input.number(4));
    token.expires_in_seconds = static_cast<std::uint32_t>(input.number(4));
    token.privilege_expires_in_seconds = static_cast<std::uint32_t>(input.number(4));
    token.role = input.byte() % 2 == 0 ? agora::Role::publisher : agora::Role::subscriber;
    token.app_id = input.until('\n');
    token.app_certificate = input.until('\n');
    token.channel = input.take(2000); // as much as the reader here takes
    std::string text;
    const auto is_credential = [](const std::string& id) { return id.size() == 32 && base::from_hex(id); };
    const bool is_built = fuzz::accepts(base::ErrorCode::internal, [&] { text = agora::build(token); });
    fuzz::require(is_built == (is_credential(token.app_id) && is_credential(token.app_certificate)),
                  "credentials are accepted or refused wrongly");
    if (!is_built)
        return;
    const auto read = decode_agora_token(text);
    fuzz::require(read.app_id == token.app_id && read.channel == token.channel &&
                      read.uid == (token.uid == 0 ? "" : std::to_string(token.uid)) &&
                      read.issued_at == token.issued_at &&
                      read.expires_in_seconds == token.expires_in_seconds,
                  "another token is read");
    fuzz::require(read.privileges.size() == (token.role == agora::Role::publisher ? 4 : 1),
                  "other privileges");
    for (const auto& [privilege, expires_in_seconds] : read.privileges)
        fuzz::require(expires_in_seconds == token.privilege_expires_in_seconds, "another expiry");
}
