#include "ethereum/rpc_chain.h"

#include "base/hex.h"
#include "fixture.h"
#include "temporary_folder.h"

namespace {

bool is_chain_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::chain_unavailable;
}

std::string bytes_of(const base::Json& hex)
{
    const auto bytes = base::from_hex(hex.get<std::string>().substr(2));
    BOOST_REQUIRE(bytes.has_value());
    return *bytes;
}

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
class ScriptedNode : public ethereum::Transport
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

struct ChainFixture
{
    const std::string registry = "0x22b618dabb5acdc214eeaa1c4c5e2ef6eb4488c2";
    const std::string mirror = "0xb0864603a4d6b62eacb53fbfa32e7665badcc7fb";
    const std::string wallet = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";
    ScriptedNode* node = new ScriptedNode; // the chain's
    ethereum::RpcChain chain{std::unique_ptr<ethereum::Transport>(node), registry, mirror};
};

std::string word(unsigned number)
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
            const auto label = ethereum::decode_primary_name(data);
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
    node->returns[registry] = "0x" + word(64) + node_word + word(5) + "616c696365" + std::string(54, '0');
    BOOST_TEST(chain.has_heaven_name(wallet));
    BOOST_TEST(node->last_call["data"].get<std::string>() ==
               "0xeba951aa00000000000000000000000019e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
    node->returns[registry] = "0x" + word(64) + std::string(64, '0') + word(0);
    BOOST_TEST(!chain.has_heaven_name(wallet));
}

BOOST_AUTO_TEST_CASE(a_wallet_is_verified_if_the_mirror_gives_a_time)
{
    node->returns[mirror] = "0x" + word(1);
    BOOST_TEST(chain.is_celo_verified(wallet));
    BOOST_TEST(node->last_call["data"].get<std::string>() ==
               "0xdd612c2e00000000000000000000000019e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
    node->returns[mirror] = "0x" + word(0);
    BOOST_TEST(!chain.is_celo_verified(wallet));
}

// "No" is always an answer that a contract gave.
BOOST_AUTO_TEST_CASE(an_answer_that_cannot_be_read_is_never_a_no)
{
    for (const auto& answer : {std::string("0x"), std::string("0x00"), "0x" + word(0).substr(2),
                               "0x" + word(255) + word(0), "0x08c379a0" + word(32) + word(0)}) {
        node->returns[registry] = answer;
        BOOST_CHECK_EXCEPTION(chain.has_heaven_name(wallet), base::Error, is_chain_unavailable);
    }
    for (const auto& answer :
         {std::string("0x"), std::string("0x00"), "0x" + word(0).substr(2), "0x01" + word(0).substr(2)}) {
        node->returns[mirror] = answer;
        BOOST_CHECK_EXCEPTION(chain.is_celo_verified(wallet), base::Error, is_chain_unavailable);
    }
}

BOOST_AUTO_TEST_CASE(the_settings_choose_the_chain)
{
    auto config = test_config();
    config.chain_mode = base::ChainMode::mock;
    const auto mock = ethereum::make_chain(config);
    BOOST_TEST(mock->has_heaven_name(wallet));
    BOOST_TEST(mock->is_celo_verified(wallet));

    const TemporaryFolder folder;
    config.chain_mode = base::ChainMode::rpc;
    config.database_path = folder / "test.db";
    config.rpc_url = "http://127.0.0.1:1/5ca1ab1e"; // nobody listens there
    config.registry_address = registry;
    config.verification_mirror_address = mirror;
    const auto asked = ethereum::make_chain(config);
    BOOST_CHECK_EXCEPTION(asked->has_heaven_name(wallet), base::Error, [](const base::Error& error) {
        return is_chain_unavailable(error) && std::string(error.what()).find("5ca1ab1e") == std::string::npos;
    });
    // All processes on one database share the limit of calls under way.
    BOOST_TEST(std::filesystem::exists(folder / "test.db-rpc-slots"));
}

BOOST_AUTO_TEST_SUITE_END()
