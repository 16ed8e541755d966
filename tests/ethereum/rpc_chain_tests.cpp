#include "ethereum/rpc_chain.h"

#include "base/config.h"
#include "base/hex.h"
#include "ethereum/shorthand.h"
#include "fixture.h"
#include "http_node.h"
#include "temporary_folder.h"

namespace {

bool is_utf8(const std::string& text)
{
    try {
        (void)base::Json(text).dump();
        return true;
    } catch (const base::Json::exception&) {
        return false;
    }
}

// A node with contracts that return what a test says, by the contract's address.
class ScriptedContracts : public ethereum::Transport
{
  public:
    std::string post(const std::string& body) override
    {
        const auto request = base::parse_json(body);
        last_call = request["params"][0];
        const auto result = returns.find(last_call["to"].get<std::string>());
        return base::Json{{"jsonrpc", "2.0"},
                          {"id", request["id"]},
                          {"result", result == returns.end() ? "0x" : result->second}}
            .dump();
    }

    std::map<std::string, std::string> returns;
    base::Json last_call;
};

// A node that answers each method as a test says, and keeps what it was asked.
class ScriptedOracleNode : public ethereum::Transport
{
  public:
    std::string post(const std::string& body) override
    {
        requests.push_back(base::parse_json(body));
        const auto& request = requests.back();
        const auto method = request["method"].get<std::string>();
        base::Json answer{{"jsonrpc", "2.0"}, {"id", request["id"]}};
        if (const auto error = errors.find(method); error != errors.end())
            answer["error"] = error->second;
        else if (const auto result = results.find(method); result != results.end())
            answer["result"] = result->second;
        else
            answer["error"] = {{"code", -32601}, {"message", "the method " + method + " does not exist"}};
        return answer.dump();
    }

    std::map<std::string, base::Json> results; // by method
    std::map<std::string, base::Json> errors;
    std::vector<base::Json> requests;
};

struct OracleNodeFixture
{
    const std::string account = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    const std::string escrow = "0x132212b78c4a7a3f19de1bf63f119848c765c1d2";
    const std::string calldata = std::string("\x33\xfe\x24\x8b\x00", 5);
    const base::Json call{{"from", account}, {"to", escrow}, {"data", "0x33fe248b00"}};
    ScriptedOracleNode* node = new ScriptedOracleNode; // the chain's
    ethereum::RpcChain chain{std::unique_ptr<ethereum::Transport>(node), "", "", escrow};

    // The one question that has been asked since.
    void check_asked(const std::string& method, const base::Json& params)
    {
        BOOST_TEST_REQUIRE(node->requests.size() == 1u);
        BOOST_TEST(node->requests.front()["method"].get<std::string>() == method);
        BOOST_TEST(node->requests.front()["params"].dump() == params.dump());
        node->requests.clear();
    }
    template <class Question>
    void check_unavailable(const Question& question)
    {
        BOOST_CHECK_EXCEPTION(question(), base::Error, [](const base::Error& error) {
            // What the node says may hold its address, or a signed transaction.
            return is_chain_unavailable(error) &&
                   std::string(error.what()).find("5ca1ab1e") == std::string::npos;
        });
    }
    // "1000/1250/-": least, most, and the tip, if there is one.
    std::string fees()
    {
        const auto fees = chain.suggest_fees();
        return fees.least.to_decimal() + "/" + fees.max_fee_per_gas.to_decimal() + "/" +
               (fees.max_priority_fee_per_gas ? fees.max_priority_fee_per_gas->to_decimal() : "-");
    }
    std::string revert_reason() { return chain.revert_reason(account, escrow, calldata, 5).value_or("none"); }
};

// What is no quantity, or none that fits into 64 bits.
const std::vector<base::Json> no_numbers = {
    nullptr, 7, true, "", "0x", "7", "0xg", "0x 1", "-0x1", base::Json::array({"0x1"}), base::Json::object()};

struct ChainFixture
{
    const std::string registry = "0x22b618dabb5acdc214eeaa1c4c5e2ef6eb4488c2";
    const std::string mirror = "0xb0864603a4d6b62eacb53fbfa32e7665badcc7fb";
    const std::string wallet = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    ScriptedContracts* node = new ScriptedContracts; // the chain's
    ethereum::RpcChain chain{std::unique_ptr<ethereum::Transport>(node), registry, mirror};
};

std::string hex_word(unsigned number)
{
    const auto byte = static_cast<unsigned char>(number);
    return std::string(62, '0') + base::to_hex(&byte, 1);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(rpc_chain_tests, ChainFixture)

BOOST_AUTO_TEST_CASE(the_published_returns_are_decoded_or_refused)
{
    int run = 0;
    const auto vectors = load_vectors("eth.json")["returns"];
    for (const auto& vector : vectors) {
        const auto is_name = vector["function"] == "primaryName";
        if (!is_name && vector["function"] != "verifiedAt")
            continue;
        ++run;
        BOOST_TEST_CONTEXT(vector["function"].get<std::string>() << ": " << vector["why"].get<std::string>())
        {
            const auto data = bytes_of(vector["data"]);
            if (vector["expected"] == "reject") {
                if (is_name)
                    BOOST_CHECK_EXCEPTION(ethereum::decode_primary_name(data), base::Error,
                                          is_chain_unavailable);
                else
                    BOOST_CHECK_EXCEPTION(ethereum::decode_verified_at(data), base::Error,
                                          is_chain_unavailable);
                continue;
            }
            BOOST_REQUIRE(vector["expected"] == "accept");
            if (!is_name) {
                BOOST_TEST(std::to_string(ethereum::decode_verified_at(data)) ==
                           vector["value"].get<std::string>());
                continue;
            }
            const auto [label, parent_node] = ethereum::decode_primary_name(data);
            BOOST_TEST("0x" + base::to_hex(parent_node) == vector["value"][1].get<std::string>());
            // A label that is no UTF-8 is one all the same: it is never shown, only whether there is one
            // counts.
            if (is_utf8(label))
                BOOST_TEST(label == vector["value"][0].get<std::string>());
            else
                BOOST_TEST(!label.empty());
        }
    }
    BOOST_TEST(run > 0);
}

BOOST_AUTO_TEST_CASE(a_wallet_has_a_name_if_the_registry_gives_a_label)
{
    const auto node_word = std::string(64, 'a');
    node->returns[registry] =
        "0x" + hex_word(64) + node_word + hex_word(5) + "616c696365" + std::string(54, '0');
    // keccak256(the parent's node, keccak256("alice")), by viem
    BOOST_TEST(chain.heaven_name(wallet).value() ==
               "cdaf191c2f57d91065d0bd0f48efb083a1323b0c5571cafa31b70dd52d018fee");
    BOOST_TEST(node->last_call["data"].get<std::string>() ==
               "0xeba951aa00000000000000000000000019e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
    node->returns[registry] = "0x" + hex_word(64) + std::string(64, '0') + hex_word(0);
    BOOST_TEST(!chain.heaven_name(wallet).has_value());
}

BOOST_AUTO_TEST_CASE(a_wallet_is_verified_if_the_mirror_gives_a_time)
{
    node->returns[mirror] = "0x" + hex_word(1);
    BOOST_TEST(chain.is_celo_verified(wallet));
    BOOST_TEST(node->last_call["data"].get<std::string>() ==
               "0xdd612c2e00000000000000000000000019e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
    node->returns[mirror] = "0x" + hex_word(0);
    BOOST_TEST(!chain.is_celo_verified(wallet));
}

// "No" is always an answer that a contract gave.
BOOST_AUTO_TEST_CASE(an_answer_that_cannot_be_read_is_never_a_no)
{
    for (const auto& answer : {std::string("0x"), std::string("0x00"), "0x" + hex_word(0).substr(2),
                               "0x" + hex_word(0), "0x" + hex_word(32), "0x" + hex_word(255) + hex_word(0),
                               "0x08c379a0" + hex_word(32) + hex_word(0)}) {
        node->returns[registry] = answer;
        BOOST_CHECK_EXCEPTION(chain.heaven_name(wallet), base::Error, is_chain_unavailable);
    }
    for (const auto& answer : {std::string("0x"), std::string("0x00"), "0x" + hex_word(0).substr(2),
                               "0x01" + hex_word(0).substr(2)}) {
        node->returns[mirror] = answer;
        BOOST_CHECK_EXCEPTION(chain.is_celo_verified(wallet), base::Error, is_chain_unavailable);
    }
}

// As a public configuration has it: no such contract, so nobody is asked.
BOOST_AUTO_TEST_CASE(without_a_contract_the_answer_is_no)
{
    const std::string zero = "0x" + std::string(40, '0');
    ScriptedOracleNode* silent = new ScriptedOracleNode;
    ethereum::RpcChain nowhere{std::unique_ptr<ethereum::Transport>(silent), zero, zero, zero};
    BOOST_TEST(!nowhere.heaven_name(wallet));
    BOOST_TEST(!nowhere.is_celo_verified(wallet));
    BOOST_CHECK_EXCEPTION(nowhere.booking(ethereum::Uint256(1)), base::Error, is_chain_unavailable);
    BOOST_CHECK_EXCEPTION(nowhere.slot(ethereum::Uint256(1)), base::Error, is_chain_unavailable);
    BOOST_TEST(silent->requests.empty());
}

BOOST_AUTO_TEST_CASE(the_settings_choose_the_chain)
{
    auto config = test_config();
    config.chain_mode = base::ChainMode::mock;
    const auto mock = ethereum::make_chain(config);
    BOOST_TEST(mock->heaven_name(wallet).has_value());
    BOOST_TEST(mock->is_celo_verified(wallet));

    const TemporaryFolder folder;
    config.chain_mode = base::ChainMode::rpc;
    config.database_url = "";
    config.database_path = folder / "test.db";
    config.rpc_url = "http://127.0.0.1:1/5ca1ab1e"; // nobody listens there
    config.registry_address = registry;
    config.verification_mirror_address = mirror;
    const auto asked = ethereum::make_chain(config);
    BOOST_CHECK_EXCEPTION(asked->heaven_name(wallet), base::Error, [](const base::Error& error) {
        return is_chain_unavailable(error) && std::string(error.what()).find("5ca1ab1e") == std::string::npos;
    });
    // All processes on one database share the limit of calls under way.
    BOOST_TEST(std::filesystem::exists(folder / "test.db-rpc-slots"));
}

// Anybody can send a signature that only a node can judge. The last place is not for those.
BOOST_AUTO_TEST_CASE(signatures_of_contracts_are_asked_about_elsewhere_and_leave_a_place)
{
    const auto answers = [](Node&, int connection) {
        Node::send(connection, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    };
    Node node(answers);
    Node sign_in_node(answers);
    const TemporaryFolder folder;
    auto config = test_config();
    config.chain_mode = base::ChainMode::rpc;
    config.database_url = "";
    config.database_path = folder / "test.db";
    config.rpc_url = node.url();
    config.registry_address = registry;
    const auto is_asked = [](const auto& question) {
        try {
            question();
        } catch (const base::Error& error) {
            const std::string why = error.what();
            BOOST_TEST((why.ends_with("503") || why.ends_with("too many calls to the node are under way")),
                       why);
            return why.ends_with("503");
        }
        return false;
    };
    struct Case
    {
        std::int64_t places;
        std::int64_t taken;
        bool others_are_asked;
        bool of_signatures;
    };
    for (const auto& c : {Case{1, 0, true, true}, Case{1, 1, false, false}, Case{2, 0, true, true},
                          Case{2, 1, true, false}, Case{3, 1, true, true}, Case{3, 2, true, false}}) {
        config.rpc_max_concurrent = c.places;
        ethereum::Patience patience;
        patience.wait_ms = 0;
        const auto chain = ethereum::make_chain(config, patience);
        const int fd = ::open((folder / "test.db-rpc-slots").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        struct flock range = {};
        range.l_type = F_WRLCK;
        range.l_whence = SEEK_SET;
        range.l_len = c.taken;
        if (c.taken > 0)
            BOOST_TEST(::fcntl(fd, F_OFD_SETLK, &range) == 0);
        const auto ask_about_signature = [&] {
            chain->is_signed_by_contract(wallet, {std::string(32, 'h')}, "signature");
        };
        BOOST_TEST(is_asked([&] { chain->heaven_name(wallet); }) == c.others_are_asked);
        BOOST_TEST(is_asked(ask_about_signature) == c.of_signatures);
        ::close(fd);
    }
    const auto before = node.requests();
    config.sign_in_rpc_url = sign_in_node.url();
    const auto chain = ethereum::make_chain(config);
    BOOST_TEST(is_asked([&] { chain->is_signed_by_contract(wallet, {std::string(32, 'h')}, "signature"); }));
    BOOST_TEST(node.requests() == before);
    BOOST_TEST(sign_in_node.requests() == 1);
}

// ---- for the oracle ----

BOOST_FIXTURE_TEST_CASE(numbers_are_asked_for_and_read_strictly, OracleNodeFixture)
{
    node->results = {{"eth_chainId", "0x18c7"},
                     {"eth_getTransactionCount", "0x2a"},
                     {"eth_getBalance", "0x" + std::string(64, 'f')}};
    BOOST_TEST(chain.chain_id() == 6343u);
    check_asked("eth_chainId", base::Json::array());
    BOOST_TEST(chain.transaction_count(account, true) == 42u);
    check_asked("eth_getTransactionCount", base::Json::array({account, "pending"}));
    BOOST_TEST(chain.transaction_count(account, false) == 42u);
    check_asked("eth_getTransactionCount", base::Json::array({account, "latest"}));
    BOOST_TEST(chain.balance(account).to_decimal() ==
               "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    check_asked("eth_getBalance", base::Json::array({account, "latest"}));

    auto wrong = no_numbers;
    wrong.push_back("0x" + std::string(65, '1'));
    for (const auto& answer : wrong) {
        node->results = {
            {"eth_chainId", answer}, {"eth_getTransactionCount", answer}, {"eth_getBalance", answer}};
        BOOST_TEST_CONTEXT(answer.dump())
        {
            check_unavailable([&] { chain.chain_id(); });
            check_unavailable([&] { chain.transaction_count(account, true); });
            check_unavailable([&] { chain.balance(account); });
        }
    }
    node->results["eth_chainId"] = "0x" + std::string(16, 'f');
    BOOST_TEST(chain.chain_id() == std::numeric_limits<std::uint64_t>::max());
    const base::Json too_large = "0x1" + std::string(16, '0'); // 2^64
    node->results = {
        {"eth_chainId", too_large}, {"eth_getTransactionCount", too_large}, {"eth_getBalance", too_large}};
    check_unavailable([&] { chain.chain_id(); });
    check_unavailable([&] { chain.transaction_count(account, true); });
    BOOST_TEST(chain.balance(account).to_decimal() == "18446744073709551616");
    node->results.clear();
    check_unavailable([&] { chain.chain_id(); });
    check_unavailable([&] { chain.transaction_count(account, true); });
    check_unavailable([&] { chain.balance(account); });
}

BOOST_FIXTURE_TEST_CASE(fees_follow_the_next_blocks_base_fee_and_the_usual_tip, OracleNodeFixture)
{
    struct Case
    {
        const char* why;
        base::Json gas_price;
        base::Json base_fees;
        std::string fees;
    };
    const auto base_fees = [](const char* last, const char* next) {
        return base::Json{{"oldestBlock", "0x1"}, {"baseFeePerGas", base::Json::array({last, next})}};
    };
    const Case cases[] = {
        {"steady", "0x44c", base_fees("0x3e8", "0x3e8"), "1100/2100/100"},
        {"rising", "0x44c", base_fees("0x3e8", "0x465"), "1225/2350/100"},
        {"falling", "0x44c", base_fees("0x3e8", "0x36b"), "975/1850/100"},
        {"no tip is usual", "0x3e8", base_fees("0x3e8", "0x3e8"), "1001/2001/1"},
        {"the price is behind the base fee", "0x1", base_fees("0x3e8", "0x3e8"), "1001/2001/1"},
        {"a base fee begins", "0x64", base_fees("0x0", "0xa"), "110/120/100"},
        {"a base fee of zero", "0x3e8", base_fees("0x0", "0x0"), "1000/1250/-"},
        {"no base fees", "0x3e8", base::Json{{"baseFeePerGas", nullptr}}, "1000/1250/-"},
        {"two by name", "0x3e8", base::Json{{"baseFeePerGas", {{"last", "0x1"}, {"next", "0x2"}}}},
         "1000/1250/-"},
        {"three of them", "0x3e8", base::Json{{"baseFeePerGas", base::Json::array({"0x1", "0x2", "0x3"})}},
         "1000/1250/-"},
        {"an empty list", "0x3e8", base::Json{{"baseFeePerGas", base::Json::array()}}, "1000/1250/-"},
        {"an empty answer", "0x3e8", base::Json::object(), "1000/1250/-"},
        {"null", "0x3e8", nullptr, "1000/1250/-"},
    };
    for (const auto& c : cases) {
        node->results = {{"eth_gasPrice", c.gas_price}, {"eth_feeHistory", c.base_fees}};
        node->requests.clear();
        BOOST_TEST_CONTEXT(c.why)
        {
            BOOST_TEST(fees() == c.fees);
            BOOST_TEST_REQUIRE(node->requests.size() == 2u);
            BOOST_TEST(node->requests[0]["params"].dump() == "[]");
            BOOST_TEST(node->requests[1]["method"] == "eth_feeHistory");
            BOOST_TEST(node->requests[1]["params"].dump() == R"(["0x1","latest",[]])");
        }
    }
    node->results = {{"eth_gasPrice", "0x3e8"}}; // the node does not know the other question
    BOOST_TEST(fees() == "1000/1250/-");

    for (const auto& wrong : no_numbers) {
        BOOST_TEST_CONTEXT(wrong.dump())
        {
            node->results = {{"eth_gasPrice", wrong}};
            check_unavailable([&] { chain.suggest_fees(); });
            node->results = {{"eth_gasPrice", "0x1"},
                             {"eth_feeHistory", {{"baseFeePerGas", base::Json::array({"0x1", wrong})}}}};
            check_unavailable([&] { chain.suggest_fees(); });
        }
    }
    node->results.clear();
    check_unavailable([&] { chain.suggest_fees(); });
}

BOOST_FIXTURE_TEST_CASE(gas_is_estimated_from_the_oracles_address, OracleNodeFixture)
{
    node->results["eth_estimateGas"] = "0x186a0";
    const auto estimate = chain.estimate_gas(account, escrow, calldata);
    BOOST_TEST(estimate.gas == 100000u);
    BOOST_TEST(!estimate.revert_reason.has_value());
    check_asked("eth_estimateGas", base::Json::array({call}));
    node->results["eth_estimateGas"] = "0x5f5e100"; // a hundred million
    BOOST_TEST(chain.estimate_gas(account, escrow, calldata).gas == 100000000u);

    auto wrong = no_numbers;
    for (const auto* answer : {"0x0", "0x5f5e101", "0xffffffffffffffff", "0x10000000000000000"})
        wrong.push_back(answer);
    for (const auto& answer : wrong) {
        node->results["eth_estimateGas"] = answer;
        BOOST_TEST_CONTEXT(answer.dump())
        check_unavailable([&] { chain.estimate_gas(account, escrow, calldata); });
    }
}

// From the data, which all nodes of today give, else from the message.
BOOST_FIXTURE_TEST_CASE(a_revert_is_told_with_its_reason, OracleNodeFixture)
{
    const std::string not_oracle =
        "0x08c379a0" + hex_word(32) + hex_word(10) + "4e4f545f4f5241434c45" + std::string(44, '0');
    const auto text_of = [](const std::string& text) {
        const auto length = static_cast<unsigned>(text.size());
        return "0x08c379a0" + hex_word(32) + hex_word(length) + base::to_hex(text);
    };
    struct Case
    {
        base::Json error;
        std::string reason;
    };
    const auto error = [](int code, const std::string& message, const base::Json& data) {
        return base::Json{{"code", code}, {"message", message}, {"data", data}};
    };
    const std::string other = "execution reverted: OTHER";
    const Case cases[] = {
        {error(3, "execution reverted: NOT_ORACLE", not_oracle), "NOT_ORACLE"},
        {error(3, other, not_oracle), "NOT_ORACLE"},
        {error(-32000, "execution reverted", not_oracle), "NOT_ORACLE"},
        {error(-32015, "VM execution error.", not_oracle), "NOT_ORACLE"},
        {error(3, "execution reverted: Panic(17)", "0x4e487b71" + hex_word(0x11)), "Panic(0x11)"},
        {error(3, other, nullptr), "OTHER"},
        {error(3, other, "0x"), "OTHER"},
        {error(-32000, other, {{"a", 1}}), "OTHER"},
        {error(3, "VM Exception: execution reverted:   BY NAME", nullptr), "BY NAME"},
        {error(3, "execution reverted", "0x"), ""},
        {error(3, "execution reverted: ", "0x"), ""},
        // Of other nodes, and errors that a contract defines.
        {error(3, "reverted", "0x12345678"), "custom error 0x12345678"},
        {error(3, "", "0x12345678"), "custom error 0x12345678"},
        {error(3, "", "0x123456"), ""},
        {error(3, "execution reverted", "0x12345678" + hex_word(1)), "custom error 0x12345678"},
        {error(-32000, "Execution reverted", nullptr), ""}, // Besu
        {error(-32000, "Execution reverted: NOT_BOOKED", nullptr), "NOT_BOOKED"},
        {error(-32015, "VM execution error.", "Reverted 0x" + not_oracle.substr(2)), "NOT_ORACLE"},
        {error(-32015, "VM execution error.", "Reverted 0x12345678"), "custom error 0x12345678"},
        {error(-32015, "VM execution error.", "revert"), ""},
        {error(-32000, "Reverted 0x12345678", nullptr), "custom error 0x12345678"},
        {error(-32000, "Reverted " + not_oracle, nullptr), "NOT_ORACLE"},
        {error(3, "[Request ID: 4a] execution reverted: " + not_oracle, not_oracle),
         "NOT_ORACLE"}, // Hedera's
        {error(3, "execution reverted: 0x12345678", nullptr), "custom error 0x12345678"},
        {error(-32000, "revert", nullptr), ""},
        {error(3, "execution reverted", text_of("")), ""},
        // Nothing that could forge a line of a log, or look like one.
        {error(3, "", text_of("a\nb\x1b[31m\xff\xc3\xa4")), "a?b?[31m???"},
        {error(3, "execution reverted: a\nb\u00e4", nullptr), "a?b??"},
        {error(3, "execution reverted: \x1f !~\x7f", nullptr), "? !~?"},
        {error(3, "", text_of(std::string(200, 'x'))), std::string(200, 'x')},
        {error(3, "", text_of(std::string(250, 'x'))), std::string(200, 'x')},
    };
    for (const auto& c : cases) {
        node->errors = {{"eth_estimateGas", c.error}, {"eth_call", c.error}};
        BOOST_TEST_CONTEXT(c.error.dump())
        {
            const auto estimate = chain.estimate_gas(account, escrow, calldata);
            BOOST_TEST(estimate.revert_reason.value_or("none") == c.reason);
            BOOST_TEST(estimate.gas == 0u);
            BOOST_TEST(revert_reason() == c.reason);
        }
    }

    // An error about something else is none of the contract's.
    for (const auto& unrelated : {error(-32000, "insufficient funds for transfer 5ca1ab1e", nullptr),
                                  error(-32601, "the method does not exist", nullptr),
                                  error(-32000, "insufficient funds", "0x12345678"), error(0, "", nullptr),
                                  base::Json("5ca1ab1e"), base::Json::object()}) {
        node->errors = {{"eth_estimateGas", unrelated}, {"eth_call", unrelated}};
        BOOST_TEST_CONTEXT(unrelated.dump())
        {
            check_unavailable([&] { chain.estimate_gas(account, escrow, calldata); });
            BOOST_TEST(revert_reason() == "none");
        }
    }
}

BOOST_FIXTURE_TEST_CASE(why_a_call_failed_is_asked_as_of_its_block, OracleNodeFixture)
{
    node->results["eth_call"] = "0x";
    for (const auto& [block, quantity] : {std::pair<std::uint64_t, const char*>{0, "0x0"},
                                          {5, "0x5"},
                                          {256, "0x100"},
                                          {0xffffffffffffffff, "0xffffffffffffffff"}}) {
        BOOST_TEST(!chain.revert_reason(account, escrow, calldata, block).has_value());
        check_asked("eth_call", base::Json::array({call, quantity}));
    }
}

BOOST_FIXTURE_TEST_CASE(what_nodes_say_of_a_transaction_is_understood, OracleNodeFixture)
{
    using ethereum::SendResult;
    struct Case
    {
        const char* message;
        SendResult result;
    };
    const Case cases[] = {
        // geth
        {"already known", SendResult::accepted},
        {"known transaction: 0x12", SendResult::accepted},
        {"nonce too low", SendResult::nonce_too_low},
        {"nonce too low: next nonce 5, tx nonce 4", SendResult::nonce_too_low},
        {"transaction underpriced", SendResult::underpriced},
        {"transaction underpriced: gas tip cap 0, minimum needed 1000000", SendResult::underpriced},
        {"replacement transaction underpriced", SendResult::underpriced},
        {"max fee per gas less than block base fee: address 0x12, maxFeePerGas: 1, baseFee: 7",
         SendResult::underpriced},
        {"insufficient funds for gas * price + value: balance 0, tx cost 21, overshot 21",
         SendResult::insufficient_funds},
        {"nonce too high", SendResult::refused},
        {"intrinsic gas too low", SendResult::refused},
        {"exceeds block gas limit", SendResult::refused},
        {"invalid sender", SendResult::refused},
        {"unknown transaction type", SendResult::refused},
        {"transaction type not supported", SendResult::refused},
        {"already knownish", SendResult::refused},
        {"this is already known", SendResult::refused},
        {"a nonce too low", SendResult::refused},
        {"nonce too low (next 5)", SendResult::nonce_too_low},
        {"nonce too low next 5", SendResult::refused},
        {"[1] nonce too low", SendResult::refused},
        {"gas price '5' is what it should be", SendResult::refused},
        {"it is below configured minimum gas price", SendResult::refused},
        {"transaction gas price is what it should be", SendResult::refused},
        {"something is too low", SendResult::refused},
        // anvil
        {"transaction already imported", SendResult::accepted},
        {"replacement transaction underpriced", SendResult::underpriced},
        {"max fee per gas less than block base fee", SendResult::underpriced},
        {"Insufficient funds for gas * price + value", SendResult::insufficient_funds},
        {"Transaction Already Imported", SendResult::accepted},
        // OpenEthereum
        {"Transaction with the same hash was already imported.", SendResult::accepted},
        {"Transaction nonce is too low. Try incrementing the nonce.", SendResult::nonce_too_low},
        {"Transaction gas price 5 wei is too low. There is another transaction with same nonce in the queue.",
         SendResult::underpriced},
        {"Insufficient funds. The account has too little.", SendResult::insufficient_funds},
        // Hedera's relay
        {"[Request ID: 4a] Nonce too low. Provided nonce: 4, current nonce: 5", SendResult::nonce_too_low},
        {"[Request ID: 4a] Gas price '1' is below configured minimum gas price '2'", SendResult::underpriced},
        {"[Request ID: 4a", SendResult::refused},
        // reth
        {"transaction is already imported: already known", SendResult::accepted},
        {"nonce too low: next nonce 1, tx nonce 0", SendResult::nonce_too_low},
        // erigon
        {"ALREADY_EXISTS: already known", SendResult::accepted},
        {"NONCE_TOO_LOW", SendResult::nonce_too_low},
        {"fee too low", SendResult::underpriced},
        {"INTERNAL_ERROR: existing tx with same hash", SendResult::accepted},
        {"existing tx with same hash", SendResult::accepted},
        {"INTERNAL_ERROR: nonce too low", SendResult::nonce_too_low},
        {"could not replace existing tx", SendResult::underpriced},
        // nethermind
        {"AlreadyKnown", SendResult::accepted},
        {"AlreadyKnown, hash 0x12", SendResult::accepted},
        {"OldNonce, Current nonce: 5, nonce of rejected tx: 4", SendResult::nonce_too_low},
        {"FeeTooLow, MaxFeePerGas too low", SendResult::underpriced},
        {"FeeTooLowToCompete", SendResult::underpriced},
        {"InsufficientFunds, Account balance: 0, cumulative cost: 21", SendResult::insufficient_funds},
        // besu
        {"Known transaction", SendResult::accepted},
        {"Nonce too low", SendResult::nonce_too_low},
        {"Gas price below configured minimum gas price", SendResult::underpriced},
        {"Transaction gas price below minimum", SendResult::underpriced},
        {"Upfront cost exceeds account balance", SendResult::insufficient_funds},
        // anybody
        {"", SendResult::refused},
        {"internal error at https://rpc.example.org/v1/5ca1ab1e", SendResult::refused},
    };
    for (const auto& c : cases) {
        for (const int code : {-32000, -32003, -32010, -32603}) {
            node->errors["eth_sendRawTransaction"] = {{"code", code}, {"message", c.message}};
            BOOST_TEST((chain.send("\x02") == c.result), c.message);
        }
    }
    for (const auto* full :
         {"txpool is full", "Transaction pool is full", "INTERNAL_ERROR: pending sub-pool is full"}) {
        node->errors["eth_sendRawTransaction"] = {{"code", -32000}, {"message", full}};
        check_unavailable([&] { chain.send("\x02"); });
    }
    node->errors.clear();
    node->results["eth_sendRawTransaction"] = "0x" + std::string(64, '1');
    node->requests.clear();
    BOOST_TEST((chain.send(std::string("\x02\x00\xff", 3)) == SendResult::accepted));
    check_asked("eth_sendRawTransaction", base::Json::array({"0x0200ff"}));
}

// Whatever is asked: it is no answer, so no chain without base fees, and no block that is not final.
BOOST_FIXTURE_TEST_CASE(a_node_that_is_asked_too_much_cannot_be_asked, OracleNodeFixture)
{
    for (const std::int64_t code : {-32005, 429, -32605}) {
        node->results = {{"eth_gasPrice", "0x1"}};
        for (const auto* method : {"eth_sendRawTransaction", "eth_feeHistory", "eth_estimateGas", "eth_call",
                                   "eth_getTransactionReceipt", "eth_getBlockByNumber"})
            node->errors[method] = {{"code", code}, {"message", "limit exceeded 5ca1ab1e"}};
        check_unavailable([&] { chain.send("\x02"); });
        check_unavailable([&] { chain.suggest_fees(); });
        check_unavailable([&] { chain.estimate_gas(account, escrow, calldata); });
        check_unavailable([&] { chain.revert_reason(account, escrow, calldata, 5); });
        check_unavailable([&] { chain.receipt("0x" + std::string(64, 'a')); });
        check_unavailable([&] { chain.finalized_block(); });
    }
}

BOOST_FIXTURE_TEST_CASE(what_the_node_said_is_logged_whoever_asked, OracleNodeFixture)
{
    const std::string said = "execution reverted: said";
    for (const auto* method :
         {"eth_sendRawTransaction", "eth_estimateGas", "eth_call", "eth_getTransactionReceipt"})
        node->errors[method] = {{"code", 3}, {"message", said}};
    const auto check_logged = [&](const std::string& method, const auto& question) {
        const auto line = logged_by([&] {
            try {
                question();
            } catch (const base::Error&) {
            }
        });
        BOOST_TEST(line.find("the node answered " + method + " with code 3: " + said) != std::string::npos,
                   method << ": " << line);
    };
    check_logged("eth_sendRawTransaction", [&] { chain.send("\x02"); });
    check_logged("eth_estimateGas", [&] { chain.estimate_gas(account, escrow, calldata); });
    check_logged("eth_call", [&] { chain.revert_reason(account, escrow, calldata, 5); });
    check_logged("eth_getTransactionReceipt", [&] { chain.receipt("0x" + std::string(64, 'a')); });
    check_logged("eth_call", [&] { chain.is_signed_by_contract(account, {std::string(32, 'h')}, "s"); });
}

BOOST_FIXTURE_TEST_CASE(a_signature_is_a_contracts_if_its_code_says_so, OracleNodeFixture)
{
    const auto is_signed = [&](const std::string& signature) {
        return chain.is_signed_by_contract(account, {std::string(32, 'h')}, signature);
    };
    node->results["eth_call"] = "0x01";
    BOOST_TEST(is_signed("signature"));
    const auto params = node->requests.front()["params"];
    BOOST_TEST(params[0]["gas"] == "0xf42400"); // 16 million
    BOOST_TEST(params[0]["data"].get<std::string>().ends_with(base::to_hex("signature")));
    BOOST_TEST(params[1] == "latest");
    node->results["eth_call"] = "0x00";
    BOOST_TEST(!is_signed("signature"));
    for (const auto& verdict : {base::Json("0x02"), base::Json("0x"), base::Json(nullptr), base::Json(1)}) {
        node->results["eth_call"] = verdict;
        check_unavailable([&] { is_signed("signature"); });
    }
    for (const auto* message : {"out of gas", "EVM error: OutOfGas"}) {
        node->errors["eth_call"] = {{"code", -32000}, {"message", message}};
        BOOST_TEST(!is_signed("signature"));
    }
    node->errors["eth_call"] = {{"code", -32000}, {"message", "no gas"}};
    check_unavailable([&] { is_signed("signature"); });
    // A wrapper with nothing in it.
    node->requests.clear();
    std::string wrapper;
    for (int i = 0; i < 16; ++i)
        wrapper += "\x64\x92";
    BOOST_TEST(!is_signed(wrapper));
    BOOST_TEST(node->requests.empty());
}

BOOST_FIXTURE_TEST_CASE(the_time_is_that_of_the_last_block, OracleNodeFixture)
{
    const auto answer = [&](const base::Json& block) { node->results["eth_getBlockByNumber"] = block; };
    answer({{"number", "0x7"}, {"timestamp", "0xffffffffffff"}});
    BOOST_TEST(chain.last_block_at() == (std::int64_t{1} << 48) - 1);
    check_asked("eth_getBlockByNumber", base::Json::array({"latest", false}));
    for (const auto& wrong : {base::Json{{"timestamp", "0x1000000000000"}}, base::Json::object(),
                              base::Json(nullptr), base::Json::array({"0x1"}), base::Json("0x1")}) {
        answer(wrong);
        check_unavailable([&] { chain.last_block_at(); });
    }
}

BOOST_FIXTURE_TEST_CASE(blocks_are_told_by_their_numbers, OracleNodeFixture)
{
    node->results = {{"eth_blockNumber", "0x18c7"}, {"eth_getBlockByNumber", {{"number", "0x10"}}}};
    BOOST_TEST(chain.last_block() == 6343u);
    check_asked("eth_blockNumber", base::Json::array());
    BOOST_TEST(chain.finalized_block().value() == 16u);
    check_asked("eth_getBlockByNumber", base::Json::array({"finalized", false}));
    node->results["eth_getBlockByNumber"] = nullptr;
    BOOST_TEST(!chain.finalized_block().has_value());
    for (const auto& number : no_numbers) {
        node->results = {{"eth_blockNumber", number}, {"eth_getBlockByNumber", {{"number", number}}}};
        check_unavailable([&] { chain.last_block(); });
        check_unavailable([&] { chain.finalized_block(); });
    }
    node->results.clear(); // it does not know the tag
    BOOST_TEST(!chain.finalized_block().has_value());
    check_unavailable([&] { chain.last_block(); });
}

BOOST_FIXTURE_TEST_CASE(a_receipt_is_read_strictly, OracleNodeFixture)
{
    const auto hash = "0x" + std::string(64, 'a');
    const base::Json good{
        {"transactionHash", hash}, {"blockNumber", "0x10"}, {"status", "0x1"}, {"logs", nullptr}};
    const auto with = [&](const char* field, const base::Json& value) {
        auto changed = good;
        changed[field] = value;
        return changed;
    };
    const auto without = [&](const char* field) {
        auto changed = good;
        changed.erase(field);
        return changed;
    };
    node->results["eth_getTransactionReceipt"] = good;
    const auto receipt = chain.receipt(hash).value();
    BOOST_TEST(receipt.succeeded);
    BOOST_TEST(receipt.block_number == 16u);
    check_asked("eth_getTransactionReceipt", base::Json::array({hash}));
    node->results["eth_getTransactionReceipt"] = with("status", "0x0");
    BOOST_TEST(!chain.receipt(hash).value().succeeded);
    BOOST_TEST(chain.receipt(hash).value().block_number == 16u);

    for (const auto& pending : {base::Json(nullptr), with("blockNumber", nullptr)}) {
        node->results["eth_getTransactionReceipt"] = pending;
        BOOST_TEST(!chain.receipt(hash).has_value(), pending.dump());
    }
    std::vector<base::Json> wrong = {with("transactionHash", "0x" + std::string(64, 'b')),
                                     with("transactionHash", nullptr),
                                     with("status", "0x2"),
                                     without("transactionHash"),
                                     without("blockNumber"),
                                     without("status"),
                                     base::Json("0x1"),
                                     base::Json(true),
                                     base::Json::array({good}),
                                     base::Json::object()};
    for (const auto& number : no_numbers) {
        wrong.push_back(with("status", number));
        if (!number.is_null())
            wrong.push_back(with("blockNumber", number));
    }
    for (const auto& answer : wrong) {
        node->results["eth_getTransactionReceipt"] = answer;
        BOOST_TEST_CONTEXT(answer.dump())
        check_unavailable([&] { chain.receipt(hash); });
    }
    node->errors["eth_getTransactionReceipt"] = {{"code", -32000},
                                                 {"message", "transaction indexing is in progress"}};
    BOOST_TEST(!chain.receipt(hash).has_value());
    node->errors["eth_getTransactionReceipt"] = {{"code", -32000}, {"message", "not found 5ca1ab1e"}};
    check_unavailable([&] { chain.receipt(hash); });
}

BOOST_AUTO_TEST_SUITE_END()
