#include "auth.h"

#include "asking.h"
#include "auth/access_token.h"
#include "auth/siwe_message.h"
#include "auth/wallet_signature.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/settings.h"
#include "base/sign_in_settings.h"
#include "fields.h"
#include "metrics/report.h"
#include "responses.h"
#include "rooms/ban.h"

#include <algorithm>
#include <strings.h>

namespace {

using base::Error;
using base::ErrorCode;

// How a wallet has signed.
enum class Signer
{
    key,     // its own
    contract // which it is
};

// By whom one of the messages was signed for the wallet. Throws Error(unauthenticated).
Signer find_signer(App& app, const Call& call, const std::string& wallet,
                   const std::vector<std::string>& messages, const std::string& signature)
{
    std::vector<std::string> hashes;
    for (const auto& message : messages) {
        if (auth::recover_personal_sign(message, signature) == wallet)
            return Signer::key;
        hashes.push_back(auth::personal_sign_hash(message));
    }
    if (!is_signed_by_contract(app, call, wallet, hashes, signature))
        throw Error(ErrorCode::unauthenticated, "invalid signature");
    return Signer::contract;
}

[[noreturn]] void refuse_nonce()
{
    throw Error(ErrorCode::unauthenticated, "invalid or expired nonce");
}

// 200 with an access token for a wallet that signed at that instant.
http::Response token_for(const App& app, const Call& call, const std::string& wallet,
                         base::UnixSeconds signed_in_at, base::Json body = base::Json::object())
{
    const auto& settings = app.settings<base::SignInSettings>();
    const auto ttl_seconds = settings.jwt_ttl_seconds;
    body["token"] =
        auth::issue_access_token(settings.jwt_secret, {wallet, signed_in_at}, call.request.now, ttl_seconds);
    body["expires_in"] = ttl_seconds;
    return ok(body);
}

http::Response finish_sign_in(App& app, const Call& call, const std::string& wallet, const std::string& nonce,
                              const char* way)
{
    if (!app.nonces.spend(app.database(), wallet, nonce, call.request.now))
        refuse_nonce();
    auto response = token_for(app, call, wallet, call.request.now);
    response.wallet = wallet;
    response.signed_in_by = way;
    return response;
}

// Wallets disagree on what "sign this hex string" means: some sign its text, some the bytes that it spells.
http::Response verify_nonce(App& app, const Call& call)
{
    const auto text = text_field(call.body, "wallet");
    const auto signature = text_field(call.body, "signature");
    const auto nonce = text_field(call.body, "nonce");
    require_fields(text && signature && nonce, "missing wallet, signature, or nonce");
    const auto wallet = parse_wallet(*text);
    std::vector<std::string> messages = {*nonce};
    if (auto bytes = base::from_hex(*nonce); bytes && bytes->size() == 32)
        messages.push_back(*std::move(bytes));
    const auto signer = find_signer(app, call, wallet, messages, *signature); // a bad one leaves the nonce
    return finish_sign_in(app, call, wallet, *nonce, signer == Signer::contract ? "contract" : "nonce");
}

template <class List>
bool has(const List& list, const std::string& text)
{
    return std::find(list.begin(), list.end(), text) != list.end();
}

// A message for another place was not meant for us, whoever brings it here.
void refuse_other_places(App& app, const http::Request& request, const auth::SiweMessage& message)
{
    const auto& ours = app.settings<base::SignInSettings>().sign_in_domains;
    bool is_ours = has(ours, message.domain);
    if (ours.empty()) {
        is_ours = !request.host.empty() && strcasecmp(message.domain.c_str(), request.host.c_str()) == 0;
        if (!is_ours)
            metrics::count_foreign_domain(app.counters);
    }
    if (!is_ours || message.uri_host != message.domain_host())
        throw Error(ErrorCode::unauthenticated, "wrong domain");
    const auto& chains = app.settings<base::SignInSettings>().sign_in_chain_ids;
    if (!chains.empty() && !has(chains, message.chain_id))
        throw Error(ErrorCode::unauthenticated, "wrong chain");
}

// Why the message is not for now; null if it is. Clocks of those who sign may run ahead.
const char* untimeliness(const App& app, const http::Request& request, const auth::SiweMessage& message)
{
    constexpr std::int64_t leeway_ms = 60 * 1000;
    const auto now_ms = request.now_ms;
    const auto oldest_ms = now_ms - app.settings<base::SignInSettings>().nonce_ttl_seconds * 1000;
    if (message.issued_at_ms < oldest_ms || message.expiration_time_ms.value_or(now_ms + 1) <= now_ms)
        return "message expired";
    if (std::max(message.issued_at_ms, message.not_before_ms.value_or(now_ms)) > now_ms + leeway_ms)
        return "message not yet valid";
    return nullptr;
}

http::Response verify_message(App& app, const Call& call)
{
    const auto text = text_field(call.body, "message");
    const auto signature = text_field(call.body, "signature");
    require_fields(text && signature, "missing message or signature");
    const auto message = auth::parse_siwe_message(*text);
    if (!message)
        refuse_field("message");
    refuse_other_places(app, call.request, *message);
    const auto signer = find_signer(app, call, message->wallet, {*text}, *signature);
    if (const char* why = untimeliness(app, call.request, *message)) {
        if (!app.nonces.is_good(app.database(), message->wallet, message->nonce, call.request.now))
            refuse_nonce();
        throw Error(ErrorCode::unauthenticated, why);
    }
    return finish_sign_in(app, call, message->wallet, message->nonce,
                          signer == Signer::contract ? "contract" : "siwe");
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
    return !call.body.value("message", base::Json()).is_null() ? verify_message(app, call)
                                                               : verify_nonce(app, call);
}

http::Response post_auth_demo(App& app, const Call& call)
{
    std::string address(20, '\0');
    app.random.fill(reinterpret_cast<unsigned char*>(address.data()), address.size());
    const auto wallet = "0x" + base::to_hex(address);
    auto response = token_for(app, call, wallet, call.request.now, {{"wallet", wallet}});
    response.wallet = wallet;
    return response;
}

http::Response post_auth_refresh(App& app, const Call& call)
{
    const auto age_seconds = call.request.now - call.signed_in_at;
    if (age_seconds > app.settings<base::SignInSettings>().session_max_age_seconds)
        throw Error(ErrorCode::unauthenticated, "unauthorized");
    rooms::refuse_banned(rooms::find_active_ban(app.database(), call.wallet, call.request.now));
    return token_for(app, call, call.wallet, call.signed_in_at);
}
