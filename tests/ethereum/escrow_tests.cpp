#include "ethereum/escrow.h"

#include "base/config.h"
#include "base/hex.h"
#include "ethereum/abi.h"
#include "ethereum/rpc_chain.h"
#include "ethereum/shorthand.h"
#include "fixture.h"
#include "temporary_folder.h"

#include <vector>

namespace {

using ethereum::Uint256;

// Vectors write addresses with upper-case digits for a checksum.
std::string lower(std::string text)
{
    for (auto& c : text)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

Uint256 number(const std::string& decimal)
{
    const auto parsed = Uint256::parse_decimal(decimal);
    BOOST_REQUIRE(parsed.has_value());
    return *parsed;
}

// As the vectors write them.
base::Json to_json(const ethereum::Slot& slot)
{
    return {{"host", slot.host},
            {"startTime", slot.start_at},
            {"durationMins", slot.duration_minutes},
            {"price", slot.price.to_decimal()},
            {"graceMins", slot.grace_minutes},
            {"minOverlapMins", slot.min_overlap_minutes},
            {"cancelCutoffMins", slot.cancel_cutoff_minutes},
            {"status", slot.status}};
}

base::Json to_json(const ethereum::Booking& booking)
{
    return {
        {"slotId", booking.slot_id.to_decimal()},  {"guest", booking.guest},
        {"amount", booking.amount.to_decimal()},   {"status", static_cast<int>(booking.status)},
        {"oracleOutcome", booking.oracle_outcome}, {"metricsHash", "0x" + base::to_hex(booking.metrics_hash)},
        {"attestedAt", booking.attested_at},       {"finalizableAt", booking.finalizable_at},
        {"challenger", booking.challenger},        {"bondAmount", booking.bond_amount.to_decimal()},
        {"disputedAt", booking.disputed_at}};
}

// Words of 32 bytes with something else in each, so that no two can be mixed up unseen.
std::string address_word(char digit)
{
    return std::string(12, '\0') + std::string(20, digit);
}
std::string join_words(const std::vector<std::string>& words)
{
    std::string data;
    for (const auto& each : words)
        data += each;
    return data;
}

const std::vector<std::string> slot_words{
    address_word('\x11'), word(1767225600), word(20), word(4000000000), word(5), word(10), word(60), word(1)};
const std::vector<std::string> booking_words{word(77),
                                             address_word('\x22'),
                                             word(1000000),
                                             word(1),
                                             word(3),
                                             std::string(32, '\xab'),
                                             word(1767225601),
                                             word(1767312001),
                                             address_word('\x33'),
                                             word(6),
                                             word(1767225602)};

// How many bits the field in each word has.
const std::vector<unsigned> slot_bits{160, 48, 32, 256, 32, 32, 32, 8};
const std::vector<unsigned> booking_bits{256, 160, 256, 8, 8, 256, 48, 48, 160, 256, 48};

// 2^bits as a word, and 2^bits - 1.
std::string first_too_large(unsigned bits)
{
    std::string made(32, '\0');
    made[31 - bits / 8] = static_cast<char>(1 << bits % 8);
    return made;
}
std::string largest(unsigned bits)
{
    return std::string(32 - bits / 8, '\0') + std::string(bits / 8, '\xff');
}

// A node with an escrow that returns what a test says, by calldata.
class ScriptedEscrow : public ethereum::Transport
{
  public:
    std::string post(const std::string& body) override
    {
        const auto request = base::parse_json(body);
        calls.push_back(request["params"][0]);
        const auto result = returns.find(calls.back()["data"].get<std::string>());
        return base::Json{{"jsonrpc", "2.0"},
                          {"id", request["id"]},
                          {"result", result == returns.end() ? "0x" : "0x" + base::to_hex(result->second)}}
            .dump();
    }

    std::map<std::string, std::string> returns; // 0x calldata -> bytes
    std::vector<base::Json> calls;
};

struct NodeFixture
{
    const std::string registry = "0x22b618dabb5acdc214eeaa1c4c5e2ef6eb4488c2";
    const std::string mirror = "0xb0864603a4d6b62eacb53fbfa32e7665badcc7fb";
    const std::string escrow = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    ScriptedEscrow* node = new ScriptedEscrow; // the chain's
    ethereum::RpcChain chain{std::unique_ptr<ethereum::Transport>(node), registry, mirror, escrow};
};

} // namespace

BOOST_AUTO_TEST_SUITE(escrow_tests)

BOOST_AUTO_TEST_CASE(the_published_returns_are_decoded_or_refused)
{
    int accepted = 0;
    int rejected = 0;
    const auto vectors = load_vectors("eth.json")["returns"];
    for (const auto& vector : vectors) {
        const auto is_slot = vector["function"] == "getSlot";
        if (!is_slot && vector["function"] != "getBooking")
            continue;
        BOOST_TEST_CONTEXT(vector["function"].get<std::string>() << ": " << vector["why"].get<std::string>())
        {
            const auto data = bytes_of(vector["data"]);
            if (vector["expected"] == "reject") {
                ++rejected;
                if (is_slot)
                    BOOST_CHECK_EXCEPTION(ethereum::decode_slot(data), base::Error, is_chain_unavailable);
                else
                    BOOST_CHECK_EXCEPTION(ethereum::decode_booking(data), base::Error, is_chain_unavailable);
                continue;
            }
            BOOST_REQUIRE(vector["expected"] == "accept");
            ++accepted;
            auto expected = vector["value"];
            for (const auto* address : {"host", "guest", "challenger"}) {
                if (expected.contains(address))
                    expected[address] = lower(expected[address]);
            }
            const auto decoded =
                is_slot ? to_json(ethereum::decode_slot(data)) : to_json(ethereum::decode_booking(data));
            BOOST_TEST(decoded.dump() == expected.dump());
        }
    }
    BOOST_TEST(accepted >= 3);
    BOOST_TEST(rejected >= 6);
}

BOOST_AUTO_TEST_CASE(the_published_calldata_is_made)
{
    int run = 0;
    const auto vectors = load_vectors("eth.json");
    for (const auto& vector : vectors["calldata"]) {
        const auto function = vector["function"].get<std::string>();
        if (function != "getSlot" && function != "getBooking")
            continue;
        ++run;
        const auto id = vector["args"][0].get<std::string>();
        const auto data = ethereum::abi::call_with_numbers(function + "(uint256)", {number(id)});
        BOOST_TEST_CONTEXT(id)
        BOOST_TEST("0x" + base::to_hex(data) == vector["data"].get<std::string>());
    }
    BOOST_TEST(run >= 7);
    const auto& selector = vectors["selectors"]["getBooking"];
    const auto data =
        ethereum::abi::call_with_numbers(selector["signature"].get<std::string>(), {Uint256(1)});
    BOOST_TEST("0x" + base::to_hex(data) ==
               selector["selector"].get<std::string>() + std::string(63, '0') + "1");
}

BOOST_AUTO_TEST_CASE(the_published_attestations_are_made)
{
    int run = 0;
    const auto vectors = load_vectors("eth.json");
    for (const auto& vector : vectors["calldata"]) {
        if (vector["function"] != "attest")
            continue;
        ++run;
        const auto& args = vector["args"];
        const auto outcome = std::stoi(args[1].is_string() ? args[1].get<std::string>() : args[1].dump());
        const auto data = ethereum::attest_calldata(number(args[0].get<std::string>()),
                                                    static_cast<std::uint8_t>(outcome), bytes_of(args[2]));
        BOOST_TEST_CONTEXT(args.dump())
        BOOST_TEST("0x" + base::to_hex(data) == vector["data"].get<std::string>());
    }
    BOOST_TEST(run >= 3);
    const auto data = ethereum::attest_calldata(Uint256(1), 1, std::string(32, '\0'));
    BOOST_TEST("0x" + base::to_hex(data.substr(0, 4)) ==
               vectors["selectors"]["attest"]["selector"].get<std::string>());
}

// A section or function that is new in the vectors must not go unread.
BOOST_AUTO_TEST_CASE(every_section_of_the_vectors_is_read_by_some_test)
{
    const auto vectors = load_vectors("eth.json");
    const std::set<std::string> read = {
        "about",     "selectors", "error_string_selector", "panic_selector", "calldata", "returns", "reverts",
        "keccak256", "addresses", "invalid_private_keys",  "transactions"};
    const std::set<std::string> functions = {"primaryName", "verifiedAt", "getSlot", "getBooking", "attest"};
    for (const auto& [section, entries] : vectors.items()) {
        if (section != "events") // of the mock contract; nothing here reads logs
            BOOST_TEST(read.count(section) == 1u, section);
    }
    for (const auto& [function, entry] : vectors["selectors"].items())
        BOOST_TEST(functions.count(function) == 1u, function);
    for (const auto* section : {"calldata", "returns"}) {
        for (const auto& vector : vectors[section])
            BOOST_TEST(functions.count(vector["function"].get<std::string>()) == 1u, vector.dump());
    }
}

BOOST_AUTO_TEST_CASE(every_status_has_its_name)
{
    const char* names[] = {"None", "Booked", "Cancelled", "Attested", "Disputed", "Resolved", "Finalized"};
    for (std::size_t status = 0; status < std::size(names); ++status)
        BOOST_TEST(ethereum::name_of(static_cast<ethereum::BookingStatus>(status)) ==
                   std::string(names[status]));
}

BOOST_AUTO_TEST_CASE(every_field_comes_from_its_own_word)
{
    const base::Json slot{{"host", "0x" + std::string(40, '1')},
                          {"startTime", 1767225600},
                          {"durationMins", 20},
                          {"price", "4000000000"},
                          {"graceMins", 5},
                          {"minOverlapMins", 10},
                          {"cancelCutoffMins", 60},
                          {"status", 1}};
    const auto decoded_slot = ethereum::decode_slot(join_words(slot_words));
    BOOST_TEST(to_json(decoded_slot).dump() == slot.dump());
    BOOST_TEST(decoded_slot.exists());
    BOOST_TEST(decoded_slot.ends_at() == 1767225600 + 20 * 60);

    std::string hash;
    for (int i = 0; i < 32; ++i)
        hash += "ab";
    const base::Json booking{{"slotId", "77"},
                             {"guest", "0x" + std::string(40, '2')},
                             {"amount", "1000000"},
                             {"status", 1},
                             {"oracleOutcome", 3},
                             {"metricsHash", "0x" + hash},
                             {"attestedAt", 1767225601},
                             {"finalizableAt", 1767312001},
                             {"challenger", "0x" + std::string(40, '3')},
                             {"bondAmount", "6"},
                             {"disputedAt", 1767225602}};
    BOOST_TEST(to_json(ethereum::decode_booking(join_words(booking_words))).dump() == booking.dump());
}

BOOST_AUTO_TEST_CASE(a_field_may_be_as_large_as_its_type_and_no_larger)
{
    for (std::size_t i = 0; i < slot_words.size(); ++i) {
        auto words = slot_words;
        words[i] = largest(slot_bits[i]);
        BOOST_TEST_CONTEXT("word " << i << " of a slot")
        {
            BOOST_CHECK_NO_THROW(ethereum::decode_slot(join_words(words)));
            if (slot_bits[i] == 256)
                continue;
            words[i] = first_too_large(slot_bits[i]);
            BOOST_CHECK_EXCEPTION(ethereum::decode_slot(join_words(words)), base::Error,
                                  is_chain_unavailable);
        }
    }
    for (std::size_t i = 0; i < booking_words.size(); ++i) {
        auto words = booking_words;
        words[i] = largest(booking_bits[i]);
        BOOST_TEST_CONTEXT("word " << i << " of a booking")
        {
            if (i != 3) // the status has names
                BOOST_CHECK_NO_THROW(ethereum::decode_booking(join_words(words)));
            if (booking_bits[i] == 256)
                continue;
            words[i] = first_too_large(booking_bits[i]);
            BOOST_CHECK_EXCEPTION(ethereum::decode_booking(join_words(words)), base::Error,
                                  is_chain_unavailable);
        }
    }

    auto words = slot_words;
    words[1] = largest(48);
    words[2] = largest(32);
    words[3] = largest(256);
    const auto slot = ethereum::decode_slot(join_words(words));
    BOOST_TEST(slot.ends_at() == ((std::int64_t{1} << 48) - 1) + ((std::int64_t{1} << 32) - 1) * 60);
    BOOST_TEST(slot.price.to_decimal() ==
               "115792089237316195423570985008687907853269984665640564039457584007913129639935");
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_anywhere_is_refused)
{
    const auto slot = join_words(slot_words);
    BOOST_TEST_REQUIRE(slot.size() == 8 * 32);
    for (std::size_t length = 0; length < slot.size(); ++length) {
        BOOST_TEST_CONTEXT(length << " bytes of a slot")
        BOOST_CHECK_EXCEPTION(ethereum::decode_slot(slot.substr(0, length)), base::Error,
                              is_chain_unavailable);
    }
    const auto booking = join_words(booking_words);
    BOOST_TEST_REQUIRE(booking.size() == 11 * 32);
    for (std::size_t length = 0; length < booking.size(); ++length) {
        BOOST_TEST_CONTEXT(length << " bytes of a booking")
        BOOST_CHECK_EXCEPTION(ethereum::decode_booking(booking.substr(0, length)), base::Error,
                              is_chain_unavailable);
    }
}

BOOST_AUTO_TEST_CASE(only_the_known_statuses_of_a_booking_are_read)
{
    for (unsigned status = 0; status <= 255; ++status) {
        auto words = booking_words;
        words[3] = word(status);
        BOOST_TEST_CONTEXT("status " << status)
        {
            if (status <= 6)
                BOOST_TEST(static_cast<unsigned>(ethereum::decode_booking(join_words(words)).status) ==
                           status);
            else
                BOOST_CHECK_EXCEPTION(ethereum::decode_booking(join_words(words)), base::Error,
                                      is_chain_unavailable);
        }
    }
    static_assert(static_cast<int>(ethereum::BookingStatus::none) == 0 &&
                  static_cast<int>(ethereum::BookingStatus::booked) == 1 &&
                  static_cast<int>(ethereum::BookingStatus::cancelled) == 2 &&
                  static_cast<int>(ethereum::BookingStatus::attested) == 3 &&
                  static_cast<int>(ethereum::BookingStatus::disputed) == 4 &&
                  static_cast<int>(ethereum::BookingStatus::resolved) == 5 &&
                  static_cast<int>(ethereum::BookingStatus::finalized) == 6);
}

BOOST_AUTO_TEST_CASE(only_the_zero_address_is_no_host)
{
    auto words = slot_words;
    words[0] = word(0);
    BOOST_TEST(!ethereum::decode_slot(join_words(words)).exists());
    words[0] = word(1);
    BOOST_TEST(ethereum::decode_slot(join_words(words)).exists());
}

// ---- the chain behind a node ----

BOOST_FIXTURE_TEST_CASE(the_node_is_asked_for_bookings_and_slots, NodeFixture)
{
    const std::string most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    node->returns["0x6a5c841a" + std::string(64, 'f')] = join_words(booking_words);
    node->returns["0x7eba7ba6" + std::string(62, '0') + "4d"] = join_words(slot_words);
    const auto booking = chain.booking(number(most));
    BOOST_TEST(booking.guest == "0x" + std::string(40, '2'));
    BOOST_TEST((booking.status == ethereum::BookingStatus::booked));
    const auto slot = chain.slot(booking.slot_id);
    BOOST_TEST(slot.host == "0x" + std::string(40, '1'));
    BOOST_TEST(slot.start_at == 1767225600);
    BOOST_TEST_REQUIRE(node->calls.size() == 2u);
    for (const auto& call : node->calls)
        BOOST_TEST(call["to"].get<std::string>() == escrow);
}

BOOST_FIXTURE_TEST_CASE(zeros_are_the_contracts_no, NodeFixture)
{
    node->returns["0x6a5c841a" + std::string(64, '0')] = std::string(11 * 32, '\0');
    node->returns["0x7eba7ba6" + std::string(64, '0')] = std::string(8 * 32, '\0');
    BOOST_TEST((chain.booking(Uint256(0)).status == ethereum::BookingStatus::none));
    BOOST_TEST(!chain.slot(Uint256(0)).exists());
}

// An address without a contract answers "0x".
BOOST_FIXTURE_TEST_CASE(an_answer_that_cannot_be_read_is_never_a_no, NodeFixture)
{
    const auto booking_call = "0x6a5c841a" + std::string(64, '0');
    const auto slot_call = "0x7eba7ba6" + std::string(64, '0');
    for (const auto& answer :
         {std::string(), std::string(31, '\0'), std::string(7 * 32, '\0'), std::string(8 * 32 - 1, '\0')}) {
        node->returns[booking_call] = node->returns[slot_call] = answer;
        BOOST_TEST_CONTEXT(answer.size() << " zero bytes")
        {
            BOOST_CHECK_EXCEPTION(chain.booking(Uint256(0)), base::Error, is_chain_unavailable);
            BOOST_CHECK_EXCEPTION(chain.slot(Uint256(0)), base::Error, is_chain_unavailable);
        }
    }
    BOOST_TEST(node->calls.size() == 8u);
}

BOOST_FIXTURE_TEST_CASE(without_an_escrow_nobody_is_asked, NodeFixture)
{
    auto* other_node = new ScriptedEscrow;
    ethereum::RpcChain without(std::unique_ptr<ethereum::Transport>(other_node), registry, mirror);
    BOOST_CHECK_EXCEPTION(without.booking(Uint256(1)), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(without.slot(Uint256(1)), base::Error, is_chain_unavailable);
    BOOST_TEST(other_node->calls.empty());
}

// Nobody listens at that address, which is another trouble than having nobody to ask.
BOOST_AUTO_TEST_CASE(the_settings_name_the_escrow)
{
    const TemporaryFolder folder;
    auto config = test_config();
    config.chain_mode = base::ChainMode::rpc;
    config.database_path = folder / "test.db";
    config.rpc_url = "http://127.0.0.1:1/";
    config.registry_address = config.verification_mirror_address =
        "0x22b618dabb5acdc214eeaa1c4c5e2ef6eb4488c2";
    for (const auto& escrow : {std::string(), std::string("0x132212b78c4a7a3f19de1bf63f119848c765c1d2")}) {
        config.escrow_address = escrow;
        const auto chain = ethereum::make_chain(config);
        BOOST_CHECK_EXCEPTION(chain->booking(Uint256(1)), base::Error, [&](const base::Error& error) {
            const bool is_unset = std::string(error.what()).find("ESCROW_ADDRESS") != std::string::npos;
            return is_chain_unavailable(error) && is_unset == escrow.empty();
        });
    }
}

// ---- the chain for development ----

BOOST_AUTO_TEST_CASE(the_mock_books_every_second_for_its_two_wallets)
{
    const auto host = AppFixture::address(1);
    const auto guest = AppFixture::address(2);
    ethereum::MockChain chain(6343, host, guest);
    const auto booking = chain.booking(Uint256(1767225600));
    BOOST_TEST((booking.status == ethereum::BookingStatus::booked));
    BOOST_TEST(booking.guest == guest);
    const auto slot = chain.slot(booking.slot_id);
    BOOST_TEST(slot.host == host);
    BOOST_TEST(slot.start_at == 1767225600);
    BOOST_TEST(slot.ends_at() == 1767225600 + 1200);
    BOOST_TEST(slot.grace_minutes == 5);
    BOOST_TEST(slot.min_overlap_minutes == 10);
    BOOST_TEST(slot.status == 1);
    BOOST_TEST(slot.exists());
}

BOOST_AUTO_TEST_CASE(the_mock_survives_any_id)
{
    ethereum::MockChain chain(6343, AppFixture::address(1), AppFixture::address(2));
    const auto most = Uint256::from_word(std::string(32, '\xff'));
    for (const auto& id :
         {most, Uint256(~std::uint64_t{0}), Uint256(253402300799), Uint256(std::uint64_t{1} << 63)}) {
        const auto booking = chain.booking(id);
        BOOST_TEST((booking.slot_id == id));
        BOOST_TEST(chain.slot(booking.slot_id).start_at == 253402300799); // the end of the year 9999
    }
    BOOST_TEST(chain.slot(Uint256(0)).start_at == 0);
}

BOOST_AUTO_TEST_CASE(the_mock_needs_both_wallets)
{
    const auto wallet = AppFixture::address(1);
    for (const auto& [host, guest] :
         {std::pair<std::string, std::string>{"", ""}, {wallet, ""}, {"", wallet}}) {
        ethereum::MockChain chain(6343, host, guest);
        BOOST_TEST((chain.booking(Uint256(1767225600)).status == ethereum::BookingStatus::none));
    }
}

// A whole attestation can be tried out with it.
BOOST_AUTO_TEST_CASE(the_mock_mines_whatever_it_is_sent)
{
    ethereum::MockChain chain(31337, "", "");
    BOOST_TEST(chain.chain_id() == 31337u);
    const auto gas = chain.estimate_gas("", "", "");
    BOOST_TEST(gas.gas > 0u);
    BOOST_TEST(!gas.revert_reason.has_value());
    const auto fees = chain.suggest_fees();
    BOOST_TEST((fees.max_fee_per_gas >= fees.least));
    BOOST_TEST((chain.balance("") >= fees.max_fee_per_gas.scaled(gas.gas * 2, 1)));
    BOOST_TEST((chain.send("x") == ethereum::SendResult::accepted));
    BOOST_TEST(chain.receipt("0x12").value().succeeded);
    BOOST_TEST(!chain.revert_reason("", "", "", 1).has_value());
    BOOST_TEST(chain.transaction_count("", true) == 0u);
}

// The wallets come from the settings, in any case of letters; what is no address is nobody.
BOOST_AUTO_TEST_CASE(the_settings_name_the_mocks_wallets)
{
    auto config = test_config();
    config.chain_mode = base::ChainMode::mock;
    BOOST_TEST((ethereum::make_chain(config)->booking(Uint256(5)).status == ethereum::BookingStatus::none));
    config.mock_host = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A";
    config.mock_guest = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";
    const auto chain = ethereum::make_chain(config);
    BOOST_TEST(chain->booking(Uint256(5)).guest == lower(config.mock_guest));
    BOOST_TEST(chain->slot(Uint256(5)).host == lower(config.mock_host));
}

BOOST_AUTO_TEST_SUITE_END()
