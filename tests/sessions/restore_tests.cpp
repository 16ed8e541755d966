// An operator may restore a backup at any moment, so also between a question to the chain and its answer.
#include "base/config.h"
#include "oracle_fixture.h"
#include "simulation/quick_folder.h"

namespace {

// A restore wants a file. One that is copied need not be migrated.
base::Config config_in(const TemporaryFolder& folder)
{
    static int databases = 0;
    auto config = oracle_config();
    config.database_path = folder / ("live-" + std::to_string(++databases) + ".db");
    const auto empty = folder / "empty.db";
    if (!std::filesystem::exists(empty))
        OracleFixture().sqlite_db().copy_into(empty);
    std::filesystem::copy_file(empty, config.database_path);
    return config;
}

using Step = std::function<void(OracleFixture&)>;

// How an attestation comes to the point where it is asked about once more. A backup was made after each step.
struct Story
{
    const char* name;
    std::vector<Step> steps;
};

const Step meet = [](OracleFixture& service) { service.meet(); };
const Step submit = [](OracleFixture& service) { service.ask(700); };
const Step become_dearer = [](OracleFixture& service) {
    service.chain.fees = {Uint256(50000), Uint256(90000), Uint256(9000)};
    service.ask(770);
    service.chain.fees = {Uint256(500000), Uint256(900000), Uint256(90000)};
};
const Step mine_in_vain = [](OracleFixture& service) {
    service.mine(service.chain.sent.front(), false);
    refusal([&] { service.resume(760); });
};
const Step mine = [](OracleFixture& service) { service.mine(service.chain.sent.front()); };
const Step overtake = [](OracleFixture& service) { service.take_nonce(); };

const Story stories[] = {
    {"they met", {meet}},
    {"submitted", {meet, submit}},
    {"submitted, the network becomes dearer", {meet, submit, become_dearer}},
    {"mined in vain", {meet, submit, mine_in_vain}},
    {"mined", {meet, submit, mine}},
    {"another's transaction has the nonce", {meet, submit, overtake}},
};

constexpr std::int64_t at = 840;

const std::pair<const char*, Step> operations[] = {
    {"attest", [](OracleFixture& service) { service.attest(at); }},
    {"resume", [](OracleFixture& service) { service.resume(at); }},
    {"retry", [](OracleFixture& service) { service.oracle().retry(Uint256(7), service.start + at); }},
    {"sweep", [](OracleFixture& service) { service.oracle().sweep(service.start + at); }},
};

void play(OracleFixture& service, const Story& story)
{
    for (const auto& step : story.steps)
        step(service);
}

// Paths of backups: of an empty database, and after each step.
std::vector<std::string> make_backups(const TemporaryFolder& folder, const Story& story)
{
    std::vector<std::string> paths;
    OracleFixture service;
    const auto copy = [&] {
        paths.push_back(folder / (std::to_string(paths.size()) + ".db"));
        service.sqlite_db().copy_into(paths.back());
    };
    copy();
    for (const auto& step : story.steps) {
        step(service);
        copy();
    }
    return paths;
}

// Whether the work got as far as that question, at which the backup is put in the database's place.
bool restore_at(OracleFixture& service, const std::string& backup, int question, const Step& work)
{
    int asked = 0;
    service.chain.before = [&](const char*) {
        if (++asked != question)
            return;
        sqlite::Connection source(backup);
        service.sqlite_db().replace_with(source);
    };
    try {
        work(service);
    } catch (const Error& error) {
        BOOST_TEST((error.code() != ErrorCode::internal), error.what());
    }
    service.chain.before = nullptr;
    return asked >= question;
}

} // namespace

BOOST_AUTO_TEST_SUITE(restore_tests, *boost::unit_test::label("sqlite"))

// They met: whatever is gone, nobody is ever said to have stayed away.
BOOST_AUTO_TEST_CASE(an_attestation_may_be_gone_at_any_question)
{
    int restores = 0;
    for (const auto& story : stories) {
        const simulation::QuickFolder quick;
        const auto& folder = quick.folder;
        const auto backups = make_backups(folder, story);
        for (const auto& [name, work] : operations) {
            for (std::size_t backup = 0; backup < backups.size(); ++backup) {
                bool restored = true;
                for (int question = 1; restored; ++question) {
                    OracleFixture service(config_in(folder));
                    play(service, story);
                    BOOST_TEST_CONTEXT(story.name << ", " << name << ", backup " << backup << " at question "
                                                  << question)
                    {
                        restored = restore_at(service, backups[backup], question, work);
                        const auto kept = sessions::find_attestation(service.db(), "7");
                        BOOST_TEST((!kept || kept->outcome == Outcome::completed));
                        BOOST_TEST(service.db().in_transaction() == false);
                        // Whoever comes next finds a service that works.
                        refusal([&] { service.resume(at + 70); });
                        service.oracle().sweep(service.start + at + 70);
                    }
                    restores += restored ? 1 : 0;
                }
            }
        }
    }
    BOOST_TEST_MESSAGE(restores << " restores");
    BOOST_TEST(restores > 200);
}

// The endpoints, whose wallets, rooms and seats may be gone as well.
BOOST_AUTO_TEST_CASE(a_request_whose_rows_are_gone_gets_an_answer)
{
    struct Request
    {
        const char* path;
        base::Json body;
    };
    const Request requests[] = {{"/session/join", {{"booking_id", "7"}}},
                                {"/session/7/attest", base::Json::object()},
                                {"/rooms/create", base::Json::object()},
                                {"/rooms/join", base::Json::object()},
                                {"/credits/verify-celo", base::Json::object()}};
    const simulation::QuickFolder quick;
    const auto& folder = quick.folder;
    int restores = 0;
    for (const auto& [path, with] : requests) {
        auto body = with;
        bool restored = true;
        for (int question = 1; restored; ++question) {
            OracleFixture service(config_in(folder));
            const auto caller = service.host;
            service.chain.names = service.chain.verified = {caller, service.guest};
            service.meet();
            if (std::string(path) == "/rooms/join")
                body["room_id"] = service.create_room(service.guest);
            service.now = service.start + 700;
            BOOST_TEST_CONTEXT(path << ", at question " << question)
            {
                restored =
                    restore_at(service, folder / "empty.db", question, [&, at = path](OracleFixture& asked) {
                        http::Request request;
                        request.method = "POST";
                        request.path = at;
                        request.body = body.dump();
                        request.authorization = "Bearer " + asked.token_for(caller);
                        request.service_token = asked.config.oracle_service_token;
                        const auto reply = asked.send(request);
                        BOOST_TEST(reply.status != 500, reply.text);
                        BOOST_TEST((reply.status == 200 || !reply.body.at("error").empty()));
                    });
                service.require_clean_audit();
                BOOST_TEST(service.query("SELECT count(*) FROM attestations WHERE outcome <> 1") == 0);
            }
            restores += restored ? 1 : 0;
        }
    }
    BOOST_TEST(restores >= 5);
}

BOOST_AUTO_TEST_SUITE_END()
