#include "sessions/outcome.h"

#include "base/hex.h"
#include "ethereum/keccak256.h"
#include "fixture.h"

namespace {

using namespace sessions;

// A slot of an hour from second 10000: five minutes of grace, ten of overlap.
const Terms terms{10000, 13600, 300, 600};

struct Party
{
    std::vector<Stay> host;
    std::vector<Stay> guest;

    Metrics metrics() const { return measure(unite(host, terms.ends_at), unite(guest, terms.ends_at)); }
    Outcome outcome() const { return decide(metrics(), terms); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(outcome_tests)

BOOST_AUTO_TEST_CASE(the_metrics_text_and_its_hash_are_those_that_others_compute)
{
    const auto vectors = load_vectors("metrics_hash.json")["vectors"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector["why"])
        {
            const auto& input = vector["input"];
            const Metrics metrics{input["hostJoinedAt"], input["hostLeftAt"], input["guestJoinedAt"],
                                  input["guestLeftAt"], input["overlapSeconds"]};
            BOOST_TEST(metrics_text(input["bookingId"], metrics) == vector["json"].get<std::string>());
            BOOST_TEST("0x" + base::to_hex(metrics_hash(input["bookingId"], metrics)) ==
                       vector["hash"].get<std::string>());
        }
    }
}

BOOST_AUTO_TEST_CASE(stays_that_touch_or_overlap_are_one)
{
    const auto united = unite({{50, 60}, {10, 20}, {20, 30}, {15, 18}, {31, 40}}, 1000);
    BOOST_REQUIRE(united.size() == 3u);
    BOOST_TEST((united[0].joined_at == 10 && united[0].left_at == 30));
    BOOST_TEST((united[1].joined_at == 31 && united[1].left_at == 40));
    BOOST_TEST((united[2].joined_at == 50 && united[2].left_at == 60));
}

BOOST_AUTO_TEST_CASE(what_is_after_the_end_does_not_count)
{
    BOOST_TEST(unite({{10, 20}, {15, 40}}, 30).back().left_at == 30);
    BOOST_TEST(unite({{30, 40}}, 30).empty());
    BOOST_TEST(unite({{10, 10}}, 30).empty());
}

// Who drops out for three minutes and returns was there; both pieces count, each second once.
BOOST_AUTO_TEST_CASE(overlap_adds_up_over_reconnects_and_devices)
{
    Party party;
    party.host = {{10000, 10300}, {10480, 10900}, {10480, 10700}}; // the last on a second device
    party.guest = {{10100, 10900}};
    const auto metrics = party.metrics();
    BOOST_TEST(metrics.overlap_seconds == 200 + 420);
    BOOST_TEST(metrics.host_joined_at == 10000);
    BOOST_TEST(metrics.host_left_at == 10900);
    BOOST_TEST((party.outcome() == Outcome::completed));
}

BOOST_AUTO_TEST_CASE(the_outcome_follows_from_presence)
{
    struct Case
    {
        const char* why;
        Party party;
        Outcome outcome;
    };
    const std::vector<Case> cases = {
        {"nobody came", {{}, {}}, Outcome::no_show_host},
        {"only the guest came", {{}, {{10000, 13600}}}, Outcome::no_show_host},
        {"only the host came", {{{10000, 13600}}, {}}, Outcome::no_show_guest},
        {"one second short, the host left first",
         {{{10000, 10599}}, {{10000, 10700}}},
         Outcome::no_show_host},
        {"one second short, the guest left first",
         {{{10000, 10700}}, {{10000, 10599}}},
         Outcome::no_show_guest},
        {"one second short, both left at once", {{{10000, 10599}}, {{10000, 10599}}}, Outcome::no_show_guest},
        {"the guest came too late, both stayed",
         {{{10000, 13600}}, {{13100, 13600}}},
         Outcome::no_show_guest},
        {"the host came too late, both stayed", {{{13100, 13600}}, {{10000, 13600}}}, Outcome::no_show_guest},
        {"they missed each other, the host first",
         {{{10000, 10500}}, {{10600, 13600}}},
         Outcome::no_show_host},
        {"just enough", {{{10000, 10600}}, {{10000, 10700}}}, Outcome::completed},
        {"enough before the start", {{{9700, 10300}}, {{9700, 10300}}}, Outcome::completed},
    };
    for (const auto& c : cases)
        BOOST_TEST((c.party.outcome() == c.outcome), c.why);
}

BOOST_AUTO_TEST_CASE(an_outcome_is_final_once_nothing_can_change_it)
{
    Metrics metrics{9990, 10700, 9990, 10700, 0};
    metrics.overlap_seconds = 600;
    BOOST_TEST(is_final(metrics, terms, 10600)); // reached
    metrics.overlap_seconds = 599;
    BOOST_TEST(!is_final(metrics, terms, 13599)); // the one second still fits
    BOOST_TEST(is_final(metrics, terms, 13600));
    metrics.overlap_seconds = 0;
    BOOST_TEST(!is_final(metrics, terms, 13000));
    BOOST_TEST(is_final(metrics, terms, 13001));
}

// Who never came is never paid, however little overlap the slot asks for.
BOOST_AUTO_TEST_CASE(nothing_is_completed_with_one_party_absent)
{
    for (const std::int64_t min_overlap_seconds : {0, 60, 3600}) {
        auto slot = terms;
        slot.min_overlap_seconds = min_overlap_seconds;
        const auto outcome = [&](const Party& party) { return decide(party.metrics(), slot); };
        const std::vector<Stay> all_along = {{9900, 13600}};
        BOOST_TEST((outcome({{}, {}}) == Outcome::no_show_host));
        BOOST_TEST((outcome({{}, all_along}) == Outcome::no_show_host));
        BOOST_TEST((outcome({all_along, {}}) == Outcome::no_show_guest));
        BOOST_TEST((outcome({all_along, all_along}) == Outcome::completed));
        const auto apart = outcome({{{10000, 11000}}, {{12000, 13600}}});
        BOOST_TEST((apart == (min_overlap_seconds == 0 ? Outcome::completed : Outcome::no_show_host)));
    }
}

// With no overlap to reach, it is the coming that can still change the outcome: until a second before the
// end.
BOOST_AUTO_TEST_CASE(an_absent_party_may_come_until_the_last_second)
{
    auto slot = terms;
    slot.min_overlap_seconds = 0;
    for (const Metrics& metrics :
         {Metrics{}, Metrics{10000, 13600, 0, 0, 0}, Metrics{0, 0, 9900, 13600, 0}}) {
        BOOST_TEST(!is_final(metrics, slot, 10000));
        BOOST_TEST(!is_final(metrics, slot, 13599));
        BOOST_TEST(is_final(metrics, slot, 13600));
    }
    BOOST_TEST(is_final(Metrics{9900, 9950, 9960, 9990, 0}, slot, 9990));
    slot.min_overlap_seconds = 3600; // which one second late is too late for
    BOOST_TEST(!is_final(Metrics{}, slot, 10000));
    BOOST_TEST(is_final(Metrics{}, slot, 10001));
}

// The same bounds as in the contract's require()s.
BOOST_AUTO_TEST_CASE(windows_are_the_escrows)
{
    const auto completed = window_of(Outcome::completed, terms);
    BOOST_TEST(completed.opens_at == 10600);
    BOOST_TEST(completed.closes_at == 13600 + 7200);
    for (const auto outcome : {Outcome::no_show_host, Outcome::no_show_guest}) {
        BOOST_TEST(window_of(outcome, terms).opens_at == 10300);
        BOOST_TEST(window_of(outcome, terms).closes_at == 10300 + 3600);
    }
}

BOOST_AUTO_TEST_SUITE_END()
