// What the schema sees to: that nothing else can be in the database, whichever program writes it. A rule that
// nothing here runs into fails a test.
#include "sqlite/migrate.h"

#include "base/rules.h"
#include "fixture.h"
#include "sqlite/shorthand.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace {

using Row = std::map<std::string, std::string>; // SQL by column

const std::string wallet = "'0x" + std::string(40, 'a') + "'";
const std::string other_wallet = "'0x" + std::string(40, 'b') + "'";
const std::string uuid = "'" + std::string(36, '1') + "'";
const std::string other_uuid = "'" + std::string(36, '2') + "'";
const std::string digest = "'" + std::string(64, 'd') + "'";
const std::string tx_hash = "'0x" + std::string(64, 'e') + "'";

std::string text_of(std::size_t characters, char character = '1')
{
    return "'" + std::string(characters, character) + "'";
}

// One row of each table that has rules, as it may be.
const std::map<std::string, Row> samples = {
    {"spent_nonces", {{"nonce", digest}, {"expires_at", "1"}}},
    {"credit_accounts",
     {{"wallet", wallet},
      {"base_granted_seconds", "5"},
      {"bonus_granted_seconds", "4"},
      {"adjusted_seconds", "1"},
      {"consumed_seconds", "3"},
      {"remaining_seconds", "7"}}},
    {"rooms",
     {{"room_id", uuid},
      {"kind", "'free'"},
      {"host_wallet", wallet},
      {"visibility", "'open'"},
      {"ai_enabled", "0"},
      {"capacity", "3"},
      {"created_at", "100"},
      {"closed_at", "NULL"},
      {"title", "NULL"},
      {"emptied_at", "NULL"}}},
    {"connections",
     {{"connection_id", uuid},
      {"room_id", uuid},
      {"kind", "'free'"},
      {"wallet", wallet},
      {"agora_uid", "7"},
      {"joined_at", "100"},
      {"token_expires_at", "190"},
      {"last_metered_at", "150"},
      {"debited_seconds", "10"},
      {"left_at", "NULL"},
      {"credits_low_at", "NULL"},
      {"credits_low_remaining_seconds", "NULL"},
      {"credits_exhausted_at", "NULL"},
      {"events_delivered", "0"},
      {"removed", "0"}}},
    {"sweeps", {{"id", "1"}, {"finished_at", "1"}}},
    {"sessions",
     {{"booking_id", "'10'"},
      {"room_id", uuid},
      {"host_wallet", wallet},
      {"guest_wallet", other_wallet},
      {"start_at", "100"},
      {"ends_at", "200"},
      {"grace_seconds", "60"},
      {"min_overlap_seconds", "60"}}},
    {"bans",
     {{"wallet", wallet},
      {"reason", "'spam'"},
      {"banned_at", "100"},
      {"expires_at", "200"},
      {"lifted_at", "150"}}},
    {"idempotent_requests",
     {{"wallet", wallet},
      {"idempotency_key", "'key'"},
      {"fingerprint", digest},
      {"started_at", "1"},
      {"status", "NULL"},
      {"body", "NULL"}}},
    {"pruning", {{"id", "1"}, {"created_before", "1"}, {"gone", "0"}}},
    {"granted_names", {{"wallet", wallet}, {"name", digest}}},
    {"attestations",
     {{"booking_id", "'10'"},
      {"outcome", "1"},
      {"host_joined_at", "0"},
      {"host_left_at", "0"},
      {"guest_joined_at", "0"},
      {"guest_left_at", "0"},
      {"overlap_seconds", "0"},
      {"metrics_hash", digest},
      {"decided_at", "1"},
      {"chain_id", "1"},
      {"oracle", wallet},
      {"nonce", "0"},
      {"state", "'submitted'"},
      {"mined_hash", "NULL"},
      {"failure", "NULL"},
      {"settled_at", "NULL"}}},
    {"attestation_transactions",
     {{"booking_id", "'10'"},
      {"tx_hash", tx_hash},
      {"oracle", wallet},
      {"nonce", "0"},
      {"is_cancellation", "0"},
      {"gas_limit", "1"},
      {"max_fee_per_gas", "'1'"},
      {"raw", "'0x'"},
      {"created_at", "1"}}},
    {"outbox",
     {{"destination", "'webhook'"},
      {"type", "'room.opened'"},
      {"data", "'{}'"},
      {"happened_at", "1"},
      {"delivery_id", uuid},
      {"due_at", "1"},
      {"is_held", "0"},
      {"settled_at", "NULL"},
      {"outcome", "NULL"}}},
    {"outbox_pauses", {{"destination", "'webhook'"}, {"paused_at", "1"}}},
    {"credit_events",
     {{"wallet", wallet},
      {"event_id", "1"},
      {"kind", "'grant_base'"},
      {"delta_seconds", "5"},
      {"balance_after_seconds", "7"},
      {"connection_id", "NULL"},
      {"created_at", "1"},
      {"reference", "NULL"}}},
    {"usage_days",
     {{"begins_at", "86400"},
      {"booked_at", "1"},
      {"debited_seconds", "0"},
      {"granted_seconds", "0"},
      {"admin_adjusted_seconds", "0"},
      {"refunded_seconds", "0"},
      {"wallets", "0"},
      {"rooms", "0"},
      {"sessions_completed", "0"},
      {"sessions_no_show_host", "0"},
      {"sessions_no_show_guest", "0"}}},
};

// What becomes of a sample with these changes: the rule that refuses it begins so; nullptr, if it may be.
struct Change
{
    const char* table;
    Row columns;
    const char* refused_by;
};

constexpr const char* fine = nullptr;
const std::string exact_in_json = "9007199254740991";

// The values next to the edges of each rule, on either side.
const std::vector<Change> changes = {
    {"spent_nonces", {{"nonce", text_of(63)}}, "length(nonce)"},

    {"credit_accounts", {{"wallet", text_of(41)}}, "length(wallet)"},
    {"credit_accounts", {{"wallet", text_of(42)}}, "length(wallet)"},
    {"credit_accounts", {{"wallet", "'0x" + std::string(40, 'A') + "'"}}, "length(wallet)"},
    {"credit_accounts", {{"wallet", "'0x" + std::string(39, 'a') + "'"}}, "length(wallet)"},
    {"credit_accounts", {{"base_granted_seconds", "0"}, {"adjusted_seconds", "6"}}, fine},
    {"credit_accounts",
     {{"base_granted_seconds", "-1"}, {"adjusted_seconds", "7"}},
     "base_granted_seconds >="},
    {"credit_accounts", {{"bonus_granted_seconds", "0"}, {"adjusted_seconds", "5"}}, fine},
    {"credit_accounts",
     {{"bonus_granted_seconds", "-1"}, {"adjusted_seconds", "6"}},
     "bonus_granted_seconds >="},
    {"credit_accounts", {{"consumed_seconds", "0"}, {"adjusted_seconds", "-2"}}, fine},
    {"credit_accounts", {{"consumed_seconds", "-1"}, {"adjusted_seconds", "-3"}}, "consumed_seconds >="},
    {"credit_accounts", {{"remaining_seconds", "0"}, {"adjusted_seconds", "-6"}}, fine},
    {"credit_accounts",
     {{"remaining_seconds", "-1"}, {"adjusted_seconds", "-7"}},
     "remaining_seconds BETWEEN"},
    {"credit_accounts",
     {{"remaining_seconds", exact_in_json}, {"adjusted_seconds", exact_in_json + " - 6"}},
     fine},
    {"credit_accounts",
     {{"remaining_seconds", exact_in_json + " + 1"}, {"adjusted_seconds", exact_in_json + " - 5"}},
     "remaining_seconds BETWEEN"},
    {"credit_accounts", {{"remaining_seconds", "8"}}, "remaining_seconds ="},
    {"credit_accounts", {{"remaining_seconds", "6"}}, "remaining_seconds ="},

    {"rooms", {{"room_id", text_of(35)}}, "length(room_id)"},
    {"rooms", {{"kind", "'booked'"}}, fine},
    {"rooms", {{"kind", "'party'"}}, "kind IN"},
    {"rooms", {{"host_wallet", text_of(41)}}, "length(host_wallet)"},
    {"rooms", {{"visibility", "'private'"}}, fine},
    {"rooms", {{"visibility", "'hidden'"}}, "visibility IN"},
    {"rooms", {{"ai_enabled", "1"}}, fine},
    {"rooms", {{"ai_enabled", "2"}}, "ai_enabled IN"},
    {"rooms", {{"capacity", "2"}}, fine},
    {"rooms", {{"capacity", "1"}}, "capacity BETWEEN"},
    {"rooms", {{"capacity", "6"}}, fine},
    {"rooms", {{"capacity", "7"}}, "capacity BETWEEN"},
    {"rooms", {{"closed_at", "100"}}, fine},
    {"rooms", {{"closed_at", "99"}}, "closed_at >="},
    {"rooms", {{"title", text_of(1)}}, fine},
    {"rooms", {{"title", text_of(0)}}, "length(title)"},
    {"rooms", {{"title", text_of(80)}}, fine},
    {"rooms", {{"title", text_of(81)}}, "length(title)"},

    {"connections", {{"connection_id", text_of(37)}}, "length(connection_id)"},
    {"connections", {{"kind", "'booked'"}}, fine},
    {"connections", {{"kind", "'party'"}}, "kind IN"},
    {"connections", {{"wallet", text_of(43)}}, "length(wallet)"},
    {"connections", {{"agora_uid", "1"}}, fine},
    {"connections", {{"agora_uid", "0"}}, "agora_uid BETWEEN"},
    {"connections", {{"agora_uid", "4294967294"}}, fine},
    {"connections", {{"agora_uid", "4294967295"}}, "agora_uid BETWEEN"},
    {"connections", {{"debited_seconds", "0"}}, fine},
    {"connections", {{"debited_seconds", "-1"}}, "debited_seconds >="},
    {"connections", {{"debited_seconds", "50"}}, fine},
    {"connections", {{"debited_seconds", "51"}}, "debited_seconds <="},
    {"connections", {{"last_metered_at", "100"}, {"debited_seconds", "0"}}, fine},
    {"connections", {{"joined_at", "151"}, {"debited_seconds", "0"}}, "joined_at <="},
    {"connections", {{"last_metered_at", "190"}}, fine},
    {"connections", {{"last_metered_at", "191"}}, "joined_at <="},
    {"connections", {{"left_at", "150"}}, fine},
    {"connections", {{"left_at", "149"}}, "left_at IS NULL OR"},
    {"connections", {{"left_at", "190"}}, fine},
    {"connections", {{"left_at", "191"}}, "left_at IS NULL OR"},
    {"connections", {{"credits_low_at", "120"}, {"credits_low_remaining_seconds", "300"}}, fine},
    {"connections", {{"credits_low_at", "120"}}, "(credits_low_at IS NULL)"},
    {"connections", {{"credits_low_remaining_seconds", "300"}}, "(credits_low_at IS NULL)"},
    {"connections", {{"events_delivered", "-1"}}, "events_delivered BETWEEN"},
    {"connections", {{"events_delivered", "1"}}, "events_delivered BETWEEN"},
    {"connections", {{"events_delivered", "1"}, {"credits_exhausted_at", "150"}}, fine},
    {"connections", {{"events_delivered", "2"}, {"credits_exhausted_at", "150"}}, "events_delivered BETWEEN"},
    {"connections",
     {{"events_delivered", "2"},
      {"credits_exhausted_at", "150"},
      {"credits_low_at", "120"},
      {"credits_low_remaining_seconds", "300"}},
     fine},
    {"connections", {{"removed", "1"}, {"left_at", "160"}}, fine},
    {"connections", {{"removed", "2"}, {"left_at", "160"}}, "removed = 0"},
    {"connections", {{"removed", "1"}}, "removed = 0"},
    {"connections", {{"removed", "1"}, {"left_at", "160"}, {"kind", "'booked'"}}, "removed = 0"},

    {"sweeps", {{"id", "2"}}, "id = 1"},

    {"sessions", {{"booking_id", "'0'"}}, fine},
    {"sessions", {{"booking_id", text_of(78)}}, fine},
    {"sessions", {{"booking_id", text_of(79)}}, "length(booking_id)"},
    {"sessions", {{"booking_id", "''"}}, "length(booking_id)"},
    {"sessions", {{"booking_id", "'1a'"}}, "length(booking_id)"},
    {"sessions", {{"booking_id", "'01'"}}, "length(booking_id)"},
    {"sessions", {{"host_wallet", text_of(41)}}, "length(host_wallet)"},
    {"sessions", {{"guest_wallet", text_of(43)}}, "length(guest_wallet)"},
    {"sessions", {{"ends_at", "100"}}, fine},
    {"sessions", {{"ends_at", "99"}}, "ends_at >="},
    {"sessions", {{"grace_seconds", "0"}}, fine},
    {"sessions", {{"grace_seconds", "-1"}}, "grace_seconds >="},
    {"sessions", {{"min_overlap_seconds", "0"}}, fine},
    {"sessions", {{"min_overlap_seconds", "-1"}}, "min_overlap_seconds >="},

    {"bans", {{"wallet", text_of(42)}}, "length(wallet)"},
    {"bans", {{"reason", "''"}}, "length(reason)"},
    {"bans", {{"reason", "'x'"}, {"lifted_at", "NULL"}, {"expires_at", "NULL"}}, fine},
    {"bans", {{"expires_at", "101"}}, fine},
    {"bans", {{"expires_at", "100"}}, "expires_at >"},
    {"bans", {{"lifted_at", "100"}}, fine},
    {"bans", {{"lifted_at", "99"}}, "lifted_at >="},

    {"idempotent_requests", {{"wallet", text_of(41)}}, "length(wallet)"},
    {"idempotent_requests", {{"idempotency_key", text_of(1)}}, fine},
    {"idempotent_requests", {{"idempotency_key", text_of(0)}}, "length(idempotency_key)"},
    {"idempotent_requests", {{"idempotency_key", text_of(255)}}, fine},
    {"idempotent_requests", {{"idempotency_key", text_of(256)}}, "length(idempotency_key)"},
    {"idempotent_requests", {{"fingerprint", text_of(63)}}, "length(fingerprint)"},
    {"idempotent_requests", {{"status", "200"}, {"body", "'{}'"}}, fine},
    {"idempotent_requests", {{"status", "199"}, {"body", "'{}'"}}, "status BETWEEN"},
    {"idempotent_requests", {{"status", "499"}, {"body", "'{}'"}}, fine},
    {"idempotent_requests", {{"status", "500"}, {"body", "'{}'"}}, "status BETWEEN"},
    {"idempotent_requests", {{"status", "200"}}, "(status IS NULL)"},
    {"idempotent_requests", {{"body", "'{}'"}}, "(status IS NULL)"},

    {"pruning", {{"id", "2"}}, "id = 1"},
    {"pruning", {{"gone", "1"}}, "gone = 0"},

    {"granted_names", {{"name", text_of(63)}}, "length(name)"},
    {"granted_names", {{"name", text_of(64, 'D')}}, "length(name)"},

    {"attestations", {{"booking_id", "'01'"}}, "length(booking_id)"},
    {"attestations", {{"booking_id", "'x'"}}, "length(booking_id)"},
    {"attestations", {{"booking_id", "'0'"}}, fine},
    {"attestations", {{"booking_id", text_of(79)}}, "length(booking_id)"},
    {"attestations", {{"outcome", "0"}}, "outcome BETWEEN"},
    {"attestations", {{"outcome", "3"}}, fine},
    {"attestations", {{"outcome", "4"}}, "outcome BETWEEN"},
    {"attestations", {{"metrics_hash", text_of(66)}}, "length(metrics_hash)"},
    {"attestations", {{"oracle", text_of(40)}}, "length(oracle)"},
    {"attestations", {{"nonce", "-1"}}, "nonce >="},
    {"attestations", {{"state", "'lost'"}}, "state = 'submitted'"},
    {"attestations", {{"state", "'mined'"}, {"mined_hash", tx_hash}}, fine},
    {"attestations", {{"state", "'mined'"}, {"mined_hash", text_of(64)}}, "length(mined_hash)"},
    {"attestations", {{"state", "'mined'"}}, "state <> 'mined'"},
    {"attestations", {{"mined_hash", tx_hash}}, "state <> 'submitted'"},
    {"attestations", {{"settled_at", "1"}}, "state = 'confirmed' OR"},
    {"attestations", {{"failure", "'refused'"}}, "(state = 'failed')"},
    {"attestations", {{"state", "'failed'"}, {"settled_at", "1"}}, "(state = 'failed')"},
    {"attestations", {{"state", "'failed'"}, {"failure", "'refused'"}, {"settled_at", "1"}}, fine},
    {"attestations", {{"state", "'failed'"}, {"failure", "'reverted'"}, {"mined_hash", tx_hash}}, fine},
    {"attestations", {{"state", "'failed'"}, {"failure", "'refused'"}}, "state <> 'failed'"},
    {"attestations", {{"state", "'confirmed'"}, {"mined_hash", tx_hash}, {"settled_at", "1"}}, fine},
    {"attestations", {{"state", "'confirmed'"}, {"mined_hash", tx_hash}}, "state <> 'confirmed'"},
    {"attestations", {{"state", "'confirmed'"}, {"settled_at", "1"}}, "state <> 'confirmed'"},

    {"attestation_transactions", {{"tx_hash", text_of(64)}}, "length(tx_hash)"},
    {"attestation_transactions", {{"oracle", text_of(40)}}, "length(oracle)"},
    {"attestation_transactions", {{"nonce", "-1"}}, "nonce >="},
    {"attestation_transactions", {{"is_cancellation", "1"}}, fine},
    {"attestation_transactions", {{"is_cancellation", "2"}}, "is_cancellation BETWEEN"},
    {"attestation_transactions", {{"gas_limit", "0"}}, "gas_limit >"},

    {"outbox", {{"destination", "'agora'"}}, fine},
    {"outbox", {{"destination", "'mail'"}}, "destination IN"},
    {"outbox", {{"delivery_id", text_of(35)}}, "length(delivery_id)"},
    {"outbox", {{"is_held", "1"}}, fine},
    {"outbox", {{"is_held", "2"}}, "is_held IN"},
    {"outbox", {{"settled_at", "1"}, {"outcome", "'void'"}}, fine},
    {"outbox", {{"settled_at", "1"}, {"outcome", "'lost'"}}, "outcome IN"},
    {"outbox", {{"settled_at", "1"}}, "(settled_at IS NULL)"},
    {"outbox", {{"outcome", "'given_up'"}}, "(settled_at IS NULL)"},

    {"outbox_pauses", {{"destination", "'mail'"}}, "destination IN"},

    {"credit_events", {{"kind", "'gift'"}}, "kind = 'debit_usage'"},
    {"credit_events", {{"delta_seconds", "0"}, {"kind", "'admin_adjust'"}}, "delta_seconds <>"},
    {"credit_events", {{"delta_seconds", "-1"}, {"kind", "'admin_adjust'"}}, fine},
    {"credit_events", {{"delta_seconds", "-1"}}, "CASE kind WHEN 'debit_usage'"},
    {"credit_events", {{"balance_after_seconds", "0"}}, fine},
    {"credit_events", {{"balance_after_seconds", "-1"}}, "balance_after_seconds >="},
    {"credit_events", {{"kind", "'debit_usage'"}, {"delta_seconds", "-1"}, {"connection_id", uuid}}, fine},
    {"credit_events",
     {{"kind", "'debit_usage'"}, {"delta_seconds", "1"}, {"connection_id", uuid}},
     "CASE kind WHEN 'debit_usage'"},
    {"credit_events", {{"kind", "'debit_usage'"}, {"delta_seconds", "-1"}}, "kind NOT IN"},
    {"credit_events", {{"kind", "'refund_usage'"}}, "kind NOT IN"},
    {"credit_events", {{"kind", "'refund_usage'"}, {"connection_id", uuid}}, fine},
    {"credit_events", {{"kind", "'refund_usage'"}, {"connection_id", uuid}, {"reference", "'r'"}}, fine},
    {"credit_events", {{"kind", "'top_up'"}}, "CASE kind WHEN 'top_up'"},
    {"credit_events", {{"kind", "'top_up'"}, {"reference", text_of(1)}}, fine},
    {"credit_events", {{"kind", "'top_up'"}, {"reference", text_of(128)}}, fine},
    {"credit_events", {{"kind", "'top_up'"}, {"reference", text_of(129)}}, "length(reference)"},
    {"credit_events", {{"kind", "'top_up'"}, {"reference", text_of(0)}}, "length(reference)"},
    {"credit_events", {{"reference", "'r'"}}, "CASE kind WHEN 'top_up'"},

    {"usage_days", {{"begins_at", "0"}}, fine},
    {"usage_days", {{"begins_at", "-86400"}}, "begins_at >="},
    {"usage_days", {{"begins_at", "86401"}}, "begins_at >="},
};

std::string insertion(const std::string& table, const Row& changed = {})
{
    auto row = samples.at(table);
    for (const auto& [column, value] : changed)
        row[column] = value;
    std::string columns, values;
    for (const auto& [column, value] : row) {
        columns += (columns.empty() ? "" : ", ") + column;
        values += (values.empty() ? "" : ", ") + value;
    }
    return "INSERT INTO " + table + " (" + columns + ") VALUES (" + values + ")";
}

// The conditions of every CHECK, as they are written.
std::multiset<std::string> rules_of(const std::string& definition)
{
    std::multiset<std::string> rules;
    const std::string head = "CHECK (";
    for (auto at = definition.find(head); at != std::string::npos; at = definition.find(head, at)) {
        at += head.size();
        const auto begin = at;
        for (int depth = 1; depth > 0; ++at)
            depth += definition[at] == '(' ? 1 : definition[at] == ')' ? -1 : 0;
        rules.insert(definition.substr(begin, at - 1 - begin));
    }
    return rules;
}

class GuardsFixture
{
  public:
    GuardsFixture() { sqlite::migrate(db); }

    std::vector<std::string> texts(const std::string& query)
    {
        std::vector<std::string> found;
        for (auto row = db.prepare(query); row.step();)
            found.push_back(row.text(0));
        return found;
    }

    // Why it is refused; empty if it is not. Nothing of it stays.
    std::string refusal(const std::string& sql)
    {
        try {
            const database::Transaction tx(db);
            db.execute(sql);
        } catch (const base::Error& error) {
            const std::string text = error.what();
            return text.substr(0, text.rfind(" in " + sql.substr(0, 20)));
        }
        return {};
    }

    sqlite::Connection db{":memory:", {}};
};

std::string after(const std::string& text, const std::string& mark)
{
    const auto at = text.find(mark);
    return at == std::string::npos ? "" : text.substr(at + mark.size());
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(guards_tests, GuardsFixture, *boost::unit_test::label("sqlite"))

BOOST_AUTO_TEST_CASE(no_row_is_what_it_must_not_be)
{
    // Only the rules of the row itself are asked: what it refers to, a commit would look for.
    const std::string alone = "PRAGMA defer_foreign_keys = ON; ";
    for (const auto& trigger : texts("SELECT name FROM sqlite_schema WHERE type = 'trigger'"))
        execute(db, "DROP TRIGGER " + trigger);
    std::map<std::string, std::set<std::string>> met; // by table: the rules that refused something
    for (const auto& [table, row] : samples)
        BOOST_TEST(refusal(alone + insertion(table)) == "", table);
    for (const auto& change : changes) {
        const auto sql = alone + insertion(change.table, change.columns);
        const auto rule = after(refusal(sql), "CHECK constraint failed: ");
        BOOST_TEST(rule.rfind(change.refused_by == fine ? "" : change.refused_by, 0) == 0u,
                   sql << ": " << rule);
        BOOST_TEST(rule.empty() == (change.refused_by == fine), sql << ": " << rule);
        met[change.table].insert(rule);
    }
    for (const auto& table :
         texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%CHECK (%'")) {
        for (const auto& rule :
             rules_of(texts("SELECT sql FROM sqlite_schema WHERE name = '" + table + "'").front()))
            BOOST_TEST(met[table].count(rule) == 1u, table << " has a rule that nothing runs into: " << rule);
    }
}

// One after the other: what is done, and what refuses it; nothing does, if it is empty.
BOOST_AUTO_TEST_CASE(nothing_becomes_what_it_must_not_be)
{
    const auto event = [](const Row& changed) { return insertion("credit_events", changed); };
    const auto seat = [](int uid, const std::string& room_id) {
        const auto number = std::to_string(10 + uid);
        return insertion("connections", {{"connection_id", "'" + std::string(34, 'c') + number + "'"},
                                         {"room_id", room_id},
                                         {"wallet", "'0x" + std::string(38, 'f') + number + "'"},
                                         {"agora_uid", std::to_string(uid)}});
    };
    const auto append_only = "credit_events is append-only";
    const auto set_event = [](const std::string& change) {
        return "UPDATE credit_events SET " + change + " WHERE kind = 'debit_usage'";
    };
    const std::string unsettled =
        "UPDATE attestations SET settled_at = NULL, state = 'submitted', mined_hash = NULL";
    const std::pair<std::string, std::string> steps[] = {
        {insertion("credit_accounts"), ""},
        {"DELETE FROM credit_accounts", "credit_accounts keeps every wallet"},
        {event({{"wallet", other_wallet}}), "balance_after_seconds is not the account's balance"},
        {event({{"balance_after_seconds", "6"}}), "balance_after_seconds is not the account's balance"},
        {event({}), ""},
        {event({{"kind", "'admin_adjust'"}}), append_only}, // of that number
        {event({{"event_id", "2"}}), append_only},          // of that kind
        {event({{"event_id", "2"}, {"kind", "'grant_celo_bonus'"}}), ""},
        {event({{"event_id", "3"}, {"kind", "'grant_celo_bonus'"}}), append_only},
        {event({{"event_id", "4"}, {"kind", "'top_up'"}, {"reference", "'paid'"}}), ""},
        {event({{"event_id", "5"}, {"kind", "'top_up'"}, {"reference", "'paid'"}}), append_only},
        {event({{"event_id", "5"}, {"kind", "'top_up'"}, {"reference", "'again'"}}), ""},
        {event({{"event_id", "6"},
                {"kind", "'debit_usage'"},
                {"delta_seconds", "-1"},
                {"connection_id", uuid}}),
         ""},
        {set_event("delta_seconds = -2"), append_only},
        {"DELETE FROM credit_events WHERE kind = 'debit_usage'", append_only},
        // A prune: of debits before that instant the amount may change, and nothing else.
        {"INSERT INTO pruning (id, created_before) VALUES (1, 1)", ""},
        {set_event("delta_seconds = -2"), append_only},
        {"DELETE FROM credit_events WHERE kind = 'debit_usage'", append_only},
        {"UPDATE pruning SET created_before = 2", ""},
        {set_event("delta_seconds = -2"), ""},
        {set_event("event_id = 9"), append_only},
        {set_event("wallet = " + other_wallet), append_only},
        {set_event("kind = 'refund_usage', delta_seconds = 2"), append_only},
        {set_event("balance_after_seconds = 1"), append_only},
        {set_event("connection_id = " + other_uuid), append_only},
        {set_event("reason = 'none'"), append_only},
        {set_event("created_at = 0"), append_only},
        {"UPDATE credit_events SET delta_seconds = 6 WHERE kind = 'grant_base'", append_only},
        {"DELETE FROM credit_events WHERE kind = 'grant_base'", append_only},
        {"DELETE FROM credit_events WHERE kind = 'debit_usage'", ""},

        // Two rooms of different capacities, and one of the other kind.
        {insertion("rooms"), ""},
        {insertion("rooms", {{"room_id", other_uuid}, {"host_wallet", other_wallet}, {"capacity", "2"}}), ""},
        {seat(1, text_of(36, '9')), "no such active room"},
        {insertion("connections", {{"kind", "'booked'"}}), "no such active room"},
        {seat(1, uuid), ""},
        {seat(2, uuid), ""},
        {seat(3, other_uuid), ""},
        {seat(4, other_uuid), ""},
        {seat(5, other_uuid), "the room is full"},
        {seat(5, uuid), ""},
        {seat(6, uuid), "the room is full"},
        {"UPDATE rooms SET closed_at = 200", "somebody is still in the room"},
        {"UPDATE connections SET left_at = 160 WHERE agora_uid = 2", ""},
        {seat(6, uuid), ""},
        {"UPDATE connections SET left_at = NULL WHERE agora_uid = 2", "the participant has left"},
        {"UPDATE connections SET left_at = 159 WHERE agora_uid = 2", "the participant has left"},
        {"UPDATE connections SET left_at = 160 WHERE agora_uid = 2", ""},
        {"UPDATE connections SET left_at = 161 WHERE agora_uid = 2",
         ""}, // a free one's token that is renewed late
        {"UPDATE connections SET left_at = 180 WHERE left_at IS NULL", ""},
        {"UPDATE rooms SET closed_at = 200", ""},
        {"UPDATE rooms SET closed_at = NULL", "the room is closed"},
        {"UPDATE rooms SET closed_at = 201", "the room is closed"},
        {"UPDATE rooms SET closed_at = 200", ""},
        {seat(7, uuid), "no such active room"},
        {insertion("rooms", {{"room_id", text_of(36, '3')}, {"kind", "'booked'"}}), ""},
        {insertion("connections", {{"room_id", text_of(36, '3')}, {"kind", "'booked'"}, {"left_at", "160"}}),
         ""},
        {"UPDATE connections SET left_at = 161 WHERE kind = 'booked'", "the participant has left"},

        {insertion("idempotent_requests"), ""},
        {"UPDATE idempotent_requests SET status = 200, body = '{}'", ""},
        {"UPDATE idempotent_requests SET status = 201", "the request is answered"},
        {"UPDATE idempotent_requests SET body = '[]'", "the request is answered"},
        {"UPDATE idempotent_requests SET fingerprint = " + text_of(64), "the request is answered"},

        {insertion("attestations"), ""},
        {"UPDATE attestations SET outcome = 2", "an attestation is decided once"},
        {"DELETE FROM attestations", "attestations are kept"},
        {insertion("attestation_transactions"), ""},
        {"UPDATE attestation_transactions SET sent_at = 1", ""},
        {"UPDATE attestation_transactions SET raw = '0x00'", "what was signed stays as it is"},
        {"DELETE FROM attestation_transactions", "what was signed is kept"},
        {"UPDATE attestations SET state = 'mined', mined_hash = " + tx_hash, ""},
        {unsettled, ""},
        {"UPDATE attestations SET state = 'confirmed', settled_at = 1, mined_hash = " + tx_hash, ""},
        {unsettled, "the attestation is on the chain"},
    };
    std::set<std::string> met;
    std::string done; // a prune cannot be committed by itself, so it is all done again for each step
    for (const auto& [sql, because] : steps) {
        const auto refused = refusal(done + sql);
        BOOST_TEST((because.empty() ? refused.empty() : refused.find(because) != std::string::npos),
                   sql << ": " << refused);
        if (refused.empty())
            done += sql + ";";
        met.insert(because);
    }
    for (const auto& trigger :
         texts("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%RAISE%'")) {
        auto message = after(trigger, "RAISE(ABORT, '");
        message.resize(message.find("')"));
        for (auto at = message.find("''"); at != std::string::npos; at = message.find("''", at + 1))
            message.erase(at, 1);
        BOOST_TEST(met.count(message) == 1u, "nothing runs into: " << trigger);
    }
}

BOOST_AUTO_TEST_CASE(what_refers_to_something_refers_to_what_is_there)
{
    const std::vector<std::string> expected = {"agora_presence.connection_id -> connections",
                                               "attestation_transactions.booking_id -> attestations",
                                               "connections.room_id -> rooms",
                                               "credit_events.wallet -> credit_accounts",
                                               "granted_names.wallet -> credit_accounts",
                                               "pruning.gone -> pruning",
                                               "sessions.room_id -> rooms"};
    BOOST_TEST(texts("SELECT tables.name || '.' || keys.\"from\" || ' -> ' || keys.\"table\" FROM "
                     "sqlite_schema AS tables, "
                     "pragma_foreign_key_list(tables.name) AS keys WHERE tables.type = 'table' ORDER BY 1") ==
                   expected,
               boost::test_tools::per_element());
    BOOST_TEST(integer(db, "PRAGMA foreign_keys") == 1);
}

BOOST_AUTO_TEST_CASE(what_there_is_one_of_there_are_not_two_of)
{
    const auto room = [](const Row& changed) { return insertion("rooms", changed); };
    const Row second_room = {{"room_id", other_uuid}};
    execute(db, room({}));
    BOOST_TEST(refusal(room(second_room)).find("UNIQUE constraint failed: rooms.host_wallet") !=
               std::string::npos);
    BOOST_TEST(refusal(room({{"room_id", other_uuid}, {"kind", "'booked'"}})) == "");
    BOOST_TEST(refusal(room({{"room_id", other_uuid}, {"closed_at", "100"}})) == "");

    // Seats: of a wallet, of a uid, and of a wallet in a session.
    const auto seat = [](const Row& changed) { return insertion("connections", changed); };
    const Row base = {{"connection_id", other_uuid}, {"wallet", other_wallet}, {"agora_uid", "8"}};
    const auto with = [&](Row changed) {
        for (const auto& [column, value] : base)
            changed.emplace(column, value);
        return seat(changed);
    };
    execute(db, room({{"room_id", text_of(36, '3')}, {"kind", "'booked'"}}));
    execute(db, room({{"room_id", text_of(36, '4')}, {"host_wallet", other_wallet}}));
    execute(db, seat({}));
    BOOST_TEST(refusal(with({})) == "");
    BOOST_TEST(
        refusal(with({{"wallet", wallet}, {"room_id", text_of(36, '4')}})).find("connections.wallet") !=
        std::string::npos);
    BOOST_TEST(refusal(with({{"wallet", wallet}, {"left_at", "150"}})) == "");
    BOOST_TEST(refusal(with({{"agora_uid", "7"}})).find("connections.room_id, connections.agora_uid") !=
               std::string::npos);
    BOOST_TEST(refusal(with({{"agora_uid", "7"}, {"left_at", "150"}})) == "");
    BOOST_TEST(refusal(with({{"agora_uid", "7"}, {"room_id", text_of(36, '4')}})) == "");
    const Row in_session = {{"kind", "'booked'"}, {"room_id", text_of(36, '3')}};
    const auto booked = [&](Row changed) {
        changed.insert(in_session.begin(), in_session.end());
        return with(changed);
    };
    execute(db, booked({{"connection_id", text_of(36, '5')}, {"wallet", wallet}}));
    BOOST_TEST(refusal(booked({{"wallet", wallet}, {"agora_uid", "9"}}))
                   .find("connections.room_id, connections.wallet") != std::string::npos);
    BOOST_TEST(refusal(booked({{"agora_uid", "9"}})) == "");
    BOOST_TEST(refusal(booked({{"wallet", wallet}, {"agora_uid", "9"}, {"left_at", "150"}})) == "");

    const auto attestation = [](const Row& changed) { return insertion("attestations", changed); };
    execute(db, attestation({}));
    BOOST_TEST(refusal(attestation({{"booking_id", "'11'"}})).find("attestations.chain_id") !=
               std::string::npos);
    for (const char* column : {"nonce", "chain_id"})
        BOOST_TEST(refusal(attestation({{"booking_id", "'11'"}, {column, "5"}})) == "");
    BOOST_TEST(refusal(attestation({{"booking_id", "'11'"}, {"oracle", other_wallet}})) == "");
    BOOST_TEST(
        refusal(attestation({{"booking_id", "'11'"}, {"state", "'mined'"}, {"mined_hash", tx_hash}})) == "");
}

BOOST_AUTO_TEST_SUITE_END()
