#include "auth.h"

#include "auth/access_token.h"
#include "auth/wallet_signature.h"
#include "base/error.h"
#include "base/hex.h"
#include "ethereum/address.h"
#include "fields.h"
#include "responses.h"

namespace {

using base::Error;
using base::ErrorCode;

std::string parse_wallet(const std::string& text)
{
    auto wallet = ethereum::parse_address(text);
    if (!wallet)
        throw Error(ErrorCode::invalid_argument, "invalid wallet");
    return *std::move(wallet);
}

// Wallets disagree on what "sign this hex string" means: some sign its text, some the bytes that it spells.
bool is_signed_by(const std::string& wallet, const std::string& nonce, const std::string& signature)
{
    if (auth::recover_personal_sign(nonce, signature) == wallet)
        return true;
    const auto bytes = base::from_hex(nonce);
    return bytes && bytes->size() == 32 && auth::recover_personal_sign(*bytes, signature) == wallet;
}

} // namespace

http::Response post_auth_nonce(App& app, const Call& call)
{
    const auto text = text_field(call.body, "wallet");
    require_fields(text.has_value(), "missing wallet");
    const auto wallet = parse_wallet(*text);
    return ok({{"nonce", app.nonces.issue(wallet, call.request.now, app.random)}});
}

http::Response post_auth_verify(App& app, const Call& call)
{
    const auto text = text_field(call.body, "wallet");
    const auto signature = text_field(call.body, "signature");
    const auto nonce = text_field(call.body, "nonce");
    require_fields(text && signature && nonce, "missing wallet, signature, or nonce");
    const auto wallet = parse_wallet(*text);

    if (!is_signed_by(wallet, *nonce, *signature)) // before the nonce, which stays usable
        throw Error(ErrorCode::unauthenticated, "invalid signature");
    if (!app.nonces.spend(app.database(), wallet, *nonce, call.request.now))
        throw Error(ErrorCode::unauthenticated, "invalid or expired nonce");
    return ok({{"token", auth::issue_access_token(app.config.jwt_secret, wallet, call.request.now,
                                                  app.config.rules.jwt_ttl_seconds)}});
}
