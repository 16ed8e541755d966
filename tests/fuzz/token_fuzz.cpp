// Access tokens: only what was signed with our secret is accepted, only while it is good, and only in the one
// spelling.
#include "auth/access_token.h"
#include "base/base64.h"
#include "base/hmac.h"
#include "base/json.h"
#include "ethereum/address.h"
#include "fuzz.h"

namespace {

constexpr const char* secret = "a secret for the fuzzer";
constexpr const char* previous = "the secret before it";
constexpr base::UnixSeconds now = 1767225600;

std::string signature_of(std::string_view signed_part, std::string_view key)
{
    return base::base64url(base::hmac_sha256(key, signed_part));
}

void check(const std::string& token)
{
    const auto accepted = auth::verify_access_token(secret, token, now, previous);
    if (!accepted)
        return;
    const std::optional wallet = accepted->wallet;
    fuzz::require(ethereum::parse_address(*wallet) == wallet, "not an address in lowercase");
    const auto last_dot = token.rfind('.');
    const auto signed_part = token.substr(0, last_dot);
    const auto signature = token.substr(last_dot + 1);
    fuzz::require(signature == signature_of(signed_part, secret) ||
                      signature == signature_of(signed_part, previous),
                  "accepted what nobody signed");
    fuzz::require(!auth::verify_access_token("another secret", token, now), "accepted under any secret");

    const auto dot = token.find('.');
    const auto header = base::parse_json(base::from_base64url(token.substr(0, dot)).value());
    fuzz::require(header.at("alg") == "HS256", "accepted another algorithm");
    const auto claims =
        base::parse_json(base::from_base64url(token.substr(dot + 1, last_dot - dot - 1)).value());
    fuzz::require(claims.at("exp").get<double>() > static_cast<double>(now), "accepted when it was over");
    fuzz::require(ethereum::parse_address(claims.at("sub").get<std::string>()) == wallet,
                  "accepted as somebody else");
    for (const std::size_t at : {std::size_t{0}, dot + 1, last_dot + 1, token.size() - 1}) {
        auto other = token;
        other[at] = other[at] == 'A' ? 'B' : 'A';
        fuzz::require(!auth::verify_access_token(secret, other, now, previous), "accepted a changed one");
    }
}

} // namespace

FUZZ_TARGET(token)
{
    fuzz::Input input(bytes);
    const auto kind = input.byte();
    if (kind % 3 == 0) {
        check(std::string(input.rest()));
    } else if (kind % 3 == 1) { // claims and a header of the input's choosing, signed
        const auto header = input.until('\n');
        const auto signed_part = base::base64url(header) + "." + base::base64url(input.rest());
        check(signed_part + "." + signature_of(signed_part, kind % 2 == 0 ? secret : previous));
    } else {
        const auto issued =
            auth::issue_access_token(secret, {"0x9e07903b62319682f51003922b2e7474783b5043", now}, now, 3600);
        const auto token = fuzz::edited(issued, input);
        fuzz::require(auth::verify_access_token(secret, token, now).has_value() == (token == issued),
                      "one that was changed is accepted, or one that was not is refused");
    }
}
