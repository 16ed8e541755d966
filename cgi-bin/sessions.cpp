#include "sessions.h"

#include "base/error.h"
#include "base/server_settings.h"
#include "base/settings.h"
#include "fields.h"
#include "rate_limits.h"
#include "responses.h"
#include "sessions/oracle.h"

namespace {

[[noreturn]] void refuse(const char* error)
{
    throw base::Error(base::ErrorCode::invalid_argument, error);
}

ethereum::Uint256 parse_booking_id(std::string_view text)
{
    const auto id = ethereum::Uint256::parse_decimal(text);
    if (!id)
        refuse("invalid booking_id");
    return *id;
}

// Decimal digits with blanks around them, or a JSON integer. A number that JSON's reader could not keep whole
// is no integer any more.
ethereum::Uint256 read_booking_id(const base::Json& body)
{
    const auto field = body.find("booking_id");
    if (field == body.end() || field->is_null())
        refuse("missing booking_id");
    if (field->is_number_unsigned())
        return ethereum::Uint256(field->get<std::uint64_t>());
    if (!field->is_string())
        refuse("invalid booking_id");
    const auto text = trim(field->get_ref<const std::string&>());
    if (text.empty())
        refuse("missing booking_id");
    return parse_booking_id(text);
}

// ?force_outcome=completed|no-show-host|no-show-guest, for development.
std::optional<sessions::Outcome> read_forced_outcome(const base::Config& config, std::string_view query)
{
    const auto forced = query_parameter(query, "force_outcome");
    if (!forced)
        return std::nullopt;
    if (base::settings<base::ServerSettings>(config).production)
        refuse("force_outcome not allowed in production");
    using sessions::Outcome;
    for (const auto outcome : {Outcome::completed, Outcome::no_show_host, Outcome::no_show_guest}) {
        if (*forced == sessions::name_of(outcome))
            return outcome;
    }
    refuse_field("force_outcome");
}

} // namespace

http::Response post_session_join(App& app, const Call& call)
{
    const auto booking_id = read_booking_id(call.body);
    auto& db = app.database();
    count_question(app, call.request);
    const auto session = sessions::look_up_to_join(db, app.chain, booking_id, call.request.now);
    const auto seat =
        sessions::join({db, app.config, app.clock.now()}, {app.tokens, app.random}, session, call.wallet);
    return ok({{"channel", seat.channel}, {"agora_token", seat.agora_token}, {"user_uid", seat.agora_uid}});
}

http::Response post_session_leave(App& app, const Call& call)
{
    // One that is no number is the id of nothing, and nobody is in there.
    const auto booking_id = ethereum::Uint256::parse_decimal(call.path_id);
    const auto seconds = booking_id ? sessions::leave({app.database(), app.config, call.request.now},
                                                      booking_id->to_decimal(), call.wallet)
                                    : 0;
    return ok({{"ok", true}, {"duration_ms", seconds * 1000}});
}

http::Response post_session_attest(App& app, const Call& call)
{
    auto& db = app.database();
    sessions::Oracle oracle(db, app.chain, app.config);
    const auto forced = [&] { return read_forced_outcome(app.config, call.request.query); };
    const auto attestation = oracle.attest(parse_booking_id(call.path_id), forced, call.request.now);
    return ok({{"outcome", sessions::name_of(attestation.outcome)},
               {"tx_hash", sessions::hash_of(db, attestation)},
               {"status", sessions::name_of(attestation.state)}});
}
