#include "engine.h"

#include "base/config.h"
#include "postgresql/migrate.h"
#include "storage/open.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <regex>
#include <unistd.h>

namespace engine {

namespace {

std::string test_url()
{
    const char* const text = std::getenv("SESSION_VOICE_TEST_URL");
    return text == nullptr ? "" : text;
}

std::vector<std::string> list(database::Connection& db, const std::string& question)
{
    std::vector<std::string> names;
    auto row = db.prepare(question);
    while (row.step())
        names.push_back(row.text(0));
    return names;
}

// Whatever a test may have made or taken away gives another one.
std::string fingerprint_of_schema(database::Connection& db)
{
    return list(db, R"(
        SELECT md5(string_agg(oid || name, ',' ORDER BY oid)) FROM (
            SELECT oid, CAST(relname AS text) AS name FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)
            UNION ALL
            SELECT oid, '' FROM pg_constraint WHERE connamespace = CAST(current_schema() AS regnamespace)
            UNION ALL SELECT oid, '' FROM pg_proc WHERE pronamespace = CAST(current_schema() AS regnamespace)
            UNION ALL SELECT oid, '' FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace))) AS made)")
        .front();
}

// TRUNCATE takes 50 ms, also of tables without a row: it gives each table and each index a new file. What a
// test leaves behind is mostly a page or two.
constexpr const char* delete_all = R"(
    DO $$
    DECLARE
        names text[];
        is_much boolean;
        name text;
    BEGIN
        SELECT array_agg(quote_ident(relname)), bool_or(pg_relation_size(oid) > 200000) INTO names, is_much
        FROM pg_class
        WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r'
          AND relname <> 'schema_version' AND pg_relation_size(oid) > 0;
        IF is_much THEN
            EXECUTE 'TRUNCATE ' || array_to_string(names, ', ') || ' CASCADE';
        ELSIF names IS NOT NULL THEN
            FOREACH name IN ARRAY names LOOP
                EXECUTE 'DELETE FROM ' || name;
            END LOOP;
        END IF;
        PERFORM setval(CAST(quote_ident(sequencename) AS regclass), 1, false)
        FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL;
    END $$)";

constexpr const char* lift_all = R"(
    DO $$
    DECLARE
        drop text;
    BEGIN
        FOR drop IN
            SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', CAST(conrelid AS regclass), conname)
            FROM pg_constraint
            WHERE connamespace = CAST(current_schema() AS regnamespace) AND contype IN ('c', 'f', 'u')
            ORDER BY contype = 'u'
        LOOP
            EXECUTE drop;
        END LOOP;
        FOR drop IN
            SELECT format('DROP TRIGGER %I ON %s', tgname, CAST(tgrelid AS regclass))
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE relnamespace = CAST(current_schema() AS regnamespace) AND NOT tgisinternal
        LOOP
            EXECUTE drop;
        END LOOP;
        FOR drop IN
            SELECT format('DROP INDEX %s', CAST(indexrelid AS regclass))
            FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            WHERE relnamespace = CAST(current_schema() AS regnamespace) AND indisunique AND NOT indisprimary
        LOOP
            EXECUTE drop;
        END LOOP;
    END $$)";

// Where the tables are of one of the fixtures that live at the same time.
struct Schema
{
    explicit Schema(std::size_t number) : name(number == 0 ? "public" : "place_" + std::to_string(number))
    {
        const auto base_url = test_url();
        url = base_url;
        if (number > 0)
            url +=
                (base_url.find('?') == std::string::npos ? "?" : "&") + ("options=-csearch_path%3D" + name);
        db = std::make_unique<postgresql::Connection>(url);
        db->run_alone("CREATE SCHEMA IF NOT EXISTS " + name);
        postgresql::migrate(*db);
        fingerprint = fingerprint_of_schema(*db);
        db->run_alone("SET session_replication_role = replica"); // without the triggers that forbid it
    }

    void make_empty()
    {
        if (fingerprint_of_schema(*db) != fingerprint) {
            db->run_alone("DROP SCHEMA " + name + " CASCADE; CREATE SCHEMA " + name);
            postgresql::open_migrated(url, {});
            fingerprint = fingerprint_of_schema(*db);
        }
        db->run_alone(delete_all);
        db->run_alone("UPDATE schema_version SET moved_to = NULL");
    }

    const std::string name;
    std::string url;
    std::unique_ptr<postgresql::Connection> db;
    std::string fingerprint;
    std::string path; // of the file that it stands for; empty for one in memory
    int users = 0;
};

std::vector<std::unique_ptr<Schema>>& schemas()
{
    static std::vector<std::unique_ptr<Schema>> all;
    return all;
}

} // namespace

bool is_postgresql()
{
    return !test_url().empty();
}

void choose_database(base::Config& config)
{
    config.database_url = test_url();
    config.database_path = base::Config::in_memory;
    config.state_directory = "";
}

Place::Place(base::Config& config)
{
    if (config.database_url.empty())
        return;
    const bool is_shared = config.database_path != base::Config::in_memory;
    while (!is_shared && number_ < schemas().size() && schemas()[number_]->users > 0)
        ++number_;
    if (number_ == schemas().size())
        schemas().push_back(std::make_unique<Schema>(number_));
    auto& schema = *schemas()[number_];
    ++schema.users;
    if (config.database_url == test_url())
        config.database_url = schema.url;
    const auto path = is_shared ? config.database_path : "";
    if (!is_shared || schema.path != path)
        schema.make_empty();
    schema.path = path;
}

Place::~Place()
{
    if (number_ < schemas().size() && schemas()[number_]->users > 0)
        --schemas()[number_]->users;
}

std::vector<std::string> tables(database::Connection& db)
{
    return list(db, is_postgresql()
                        ? "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema() "
                          "AND tablename <> 'schema_version' ORDER BY tablename"
                        : "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
                          "ORDER BY name");
}

void keep_contents()
{
    auto& db = *schemas().front()->db;
    std::string script = "DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;";
    for (const auto& table : tables(db))
        script += "CREATE TABLE kept." + table + " AS TABLE " + table + ";";
    db.run_alone(script);
}

void put_back_contents()
{
    auto& db = *schemas().front()->db;
    std::string script = "BEGIN;" + std::string(delete_all) + ";";
    for (const auto& table : tables(db))
        script += "INSERT INTO " + table + " SELECT * FROM kept." + table + ";";
    // Numbers that are not given again.
    db.run_alone(script + "SELECT setval(CAST(quote_ident(sequencename) AS regclass), 1000000) "
                          "FROM pg_sequences WHERE schemaname = current_schema(); COMMIT");
}

std::string contents()
{
    auto& db = observer();
    std::string all;
    for (const auto& table : tables(db)) {
        all += table + "\n";
        for (const auto& row : list(
                 db, "SELECT CAST(to_jsonb(t) - ARRAY['ordinal', 'ban_id', 'transaction_id'] AS text) FROM " +
                         table + " t " + (table == "idempotent_requests" ? "WHERE status IS NOT NULL " : "") +
                         "ORDER BY 1"))
            all += row + "\n";
    }
    return all;
}

database::Connection& observer()
{
    return *schemas().front()->db;
}

void await_silence()
{
    while (list(observer(),
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = "
                "current_database() AND pid <> pg_backend_pid() AND state <> 'idle'")
               .size() > 0)
        ::usleep(1000);
}

std::vector<std::string> columns(database::Connection& db, const std::string& table)
{
    return list(db, is_postgresql()
                        ? "SELECT CAST(attname AS text) FROM pg_attribute WHERE attrelid = CAST('" + table +
                              "' AS regclass) AND attnum > 0 ORDER BY attnum"
                        : "SELECT name FROM pragma_table_info('" + table + "')");
}

bool is_because(database::Connection& db, const base::Error& error, const std::string& reason)
{
    const std::string said = error.what();
    const auto says = [&](const std::string& words) { return said.find(words) != std::string::npos; };
    if (!is_postgresql())
        return says(reason);
    for (const auto& [kind, words] : {std::pair("UNIQUE", "violates unique constraint \""),
                                      std::pair("CHECK", "violates check constraint \""),
                                      std::pair("FOREIGN KEY", "violates foreign key constraint \""),
                                      std::pair("NOT NULL", "violates not-null constraint")}) {
        if (reason.rfind(kind, 0) != 0)
            continue;
        const auto colon = reason.find(": ");
        if (colon == std::string::npos || !says(words))
            return says(words);
        // It names the constraint, whose definition has what SQLite says; of a column without its table.
        const auto begin = said.find(words) + std::string_view(words).size();
        const auto name = "'" + said.substr(begin, said.find('"', begin) - begin) + "'";
        const auto definitions =
            list(db, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = " + name +
                         " AND connamespace = CAST(current_schema() AS regnamespace) "
                         "UNION ALL SELECT indexdef FROM pg_indexes WHERE indexname = " +
                         name + " AND schemaname = current_schema()");
        auto part = std::regex_replace(reason.substr(colon + 2), std::regex("\\w+\\."), "");
        if (kind == std::string("UNIQUE"))
            part = "(" + part + ")";
        return std::any_of(definitions.begin(), definitions.end(), [&](const std::string& definition) {
            return definition.find(part) != std::string::npos;
        });
    }
    return says(reason);
}

void lift_rules(database::Connection& db)
{
    std::optional<database::Transaction> own;
    if (!is_postgresql()) {
        // The first has no effect inside a transaction, the second none outside of one.
        db.prepare("PRAGMA foreign_keys = OFF").run();
        db.prepare("PRAGMA defer_foreign_keys = ON").run();
        db.prepare("PRAGMA ignore_check_constraints = ON").run();
    }
    if (!db.in_transaction())
        own.emplace(db);
    if (is_postgresql()) {
        db.execute(lift_all);
    } else {
        for (const auto& drop : list(db, "SELECT 'DROP ' || type || ' ' || name FROM sqlite_schema "
                                         "WHERE (type = 'trigger' AND sql LIKE '%RAISE%') OR (type = 'index' "
                                         "AND sql LIKE 'CREATE UNIQUE %')"))
            db.execute(drop);
    }
    if (own)
        own->commit();
}

void heed_checks(database::Connection& db)
{
    if (!is_postgresql())
        db.prepare("PRAGMA ignore_check_constraints = OFF").run();
}

void fail(database::Connection& db, const std::string& what, const std::string& condition)
{
    database::Transaction tx(db);
    if (is_postgresql())
        db.execute("CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF " + condition +
                   " THEN RAISE EXCEPTION 'as if the disk failed'; END IF; RETURN coalesce(NEW, OLD); END $$;"
                   "CREATE TRIGGER failing BEFORE " +
                   what + " FOR EACH ROW EXECUTE FUNCTION failing()");
    else
        db.execute("CREATE TRIGGER failing BEFORE " + what + " WHEN " + condition +
                   " BEGIN SELECT RAISE(ABORT, 'as if the disk failed'); END");
    tx.commit();
}

void stop_failing(database::Connection& db)
{
    database::Transaction tx(db);
    db.execute(is_postgresql() ? "DROP FUNCTION failing CASCADE" : "DROP TRIGGER failing");
    tx.commit();
}

std::int64_t bytes_stored(database::Connection& db)
{
    auto row = db.prepare(
        is_postgresql()
            ? "SELECT CAST(sum(pg_relation_size(oid)) AS bigint) FROM pg_class WHERE relkind IN ('r', 'i') "
              "AND relnamespace = CAST(current_schema() AS regnamespace)"
            : "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    row.step();
    return row.integer(0);
}

void choose_unreachable_database(base::Config& config)
{
    if (is_postgresql())
        config.database_url = "postgresql://voice@/voice?host=/nonexistent/directory";
    else
        config.database_path = "/nonexistent/directory/session-voice.db";
}

Writer::Writer(const base::Config& config) : db_(storage::connect(config)), transaction_(*db_)
{
    if (config.database_url.empty())
        return; // SQLite has one writer at a time
    std::string names;
    for (const auto& table : tables(*db_))
        names += (names.empty() ? "" : ", ") + table;
    db_->execute("LOCK TABLE " + names + " IN EXCLUSIVE MODE"); // they can still be read
}

bool is_awaited(database::Connection& db)
{
    if (!is_postgresql())
        return db.is_awaited();
    auto row = db.prepare("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = "
                          "ANY (pg_blocking_pids(pid))");
    return row.step() && row.integer(0) > 0;
}

} // namespace engine
