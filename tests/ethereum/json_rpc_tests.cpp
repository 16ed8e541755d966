#include "ethereum/json_rpc.h"

#include "base/hex.h"
#include "ethereum/shorthand.h"
#include "fixture.h"

namespace {

class ScriptedTransport : public ethereum::Transport
{
  public:
    std::string post(const std::string& body) override
    {
        requests.push_back(base::parse_json(body));
        return answer(requests.back());
    }

    std::function<std::string(const base::Json& request)> answer;
    std::vector<base::Json> requests;
};

struct JsonRpcFixture
{
    // The node answers that text, in which ID stands for the request's id.
    void answer(const std::string& text)
    {
        transport.answer = [text](const base::Json& request) {
            auto filled = text;
            if (const auto at = filled.find("ID"); at != std::string::npos)
                filled.replace(at, 2, request["id"].dump());
            return filled;
        };
    }
    std::string eth_call() { return rpc.eth_call(contract, std::string("\xeb\xa9\x51\xaa\x00", 5)); }
    // What the node says of a call; an error unless it says otherwise.
    ethereum::RpcError error_of(const std::string& text)
    {
        answer(text);
        const auto answered = rpc.try_call("eth_sendRawTransaction", base::Json::array({"0x02"}));
        BOOST_TEST_REQUIRE(std::holds_alternative<ethereum::RpcError>(answered), text);
        return std::get<ethereum::RpcError>(answered);
    }
    // The message of the refusal.
    std::string refusal(const std::string& text)
    {
        answer(text);
        try {
            eth_call();
        } catch (const base::Error& error) {
            BOOST_TEST((error.code() == base::ErrorCode::chain_unavailable), text);
            BOOST_TEST(error.name() == "chain_unavailable");
            return error.what();
        }
        BOOST_ERROR("accepted: " + text);
        return {};
    }

    const std::string contract = "0x22b618dabb5acdc214eeaa1c4c5e2ef6eb4488c2";
    ScriptedTransport transport;
    ethereum::JsonRpc rpc{transport};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(json_rpc_tests, JsonRpcFixture)

BOOST_AUTO_TEST_CASE(a_call_is_sent_as_json_rpc_2_and_its_data_comes_back_as_bytes)
{
    answer(R"({"jsonrpc":"2.0","id":ID,"result":"0x00fF"})");
    BOOST_TEST((eth_call() == std::string("\x00\xff", 2)));
    const base::Json call_object{{"to", contract}, {"data", "0xeba951aa00"}};
    const base::Json expected{{"jsonrpc", "2.0"},
                              {"id", transport.requests.front()["id"]},
                              {"method", "eth_call"},
                              {"params", base::Json::array({call_object, "latest"})}};
    BOOST_TEST((transport.requests.front() == expected));
}

BOOST_AUTO_TEST_CASE(each_request_has_an_id_of_its_own)
{
    answer(R"({"jsonrpc":"2.0","id":ID,"result":"0x01"})");
    for (int i = 0; i < 3; ++i)
        eth_call();
    BOOST_TEST((transport.requests[0]["id"] != transport.requests[1]["id"]));
    BOOST_TEST((transport.requests[1]["id"] != transport.requests[2]["id"]));
    // The answer to an earlier one is not taken for the answer to this one.
    const auto stale = transport.requests[1]["id"].dump();
    refusal(R"({"jsonrpc":"2.0","id":)" + stale + R"(,"result":"0x01"})");
}

BOOST_AUTO_TEST_CASE(an_error_of_null_beside_a_result_is_no_error)
{
    answer(R"({"jsonrpc":"2.0","id":ID,"result":"0x01","error":null})");
    BOOST_TEST(eth_call() == "\x01");
}

BOOST_AUTO_TEST_CASE(any_result_of_another_method_comes_back_as_it_is)
{
    answer(R"({"jsonrpc":"2.0","id":ID,"result":{"status":"0x1"}})");
    BOOST_TEST((rpc.call("eth_getTransactionReceipt", base::Json::array({"0x12"})) ==
                base::Json{{"status", "0x1"}}));
    answer(R"({"jsonrpc":"2.0","id":ID,"result":null})");
    BOOST_TEST(rpc.call("eth_getTransactionReceipt", base::Json::array({"0x12"})).is_null());
}

BOOST_AUTO_TEST_CASE(answers_that_are_none_are_refused)
{
    for (
        const auto* text : {
            // another id, or one of another type
            R"({"jsonrpc":"2.0","id":999,"result":"0x01"})",
            R"({"jsonrpc":"2.0","id":-1,"result":"0x01"})",
            R"({"jsonrpc":"2.0","id":"ID","result":"0x01"})",
            R"({"jsonrpc":"2.0","id":ID.0,"result":"0x01"})",
            R"({"jsonrpc":"2.0","id":[ID],"result":"0x01"})",
            R"({"jsonrpc":"2.0","id":null,"result":"0x01"})",
            R"({"jsonrpc":"2.0","id":true,"result":"0x01"})",
            R"({"jsonrpc":"2.0","result":"0x01"})",
            // no JSON, or not all of it
            "",
            " ",
            "<html><body>502 Bad Gateway</body></html>",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x01")",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x)",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x01"}{})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x01","result":"0x00"})",
            // no object
            "null",
            "7",
            R"("0x01")",
            R"([{"jsonrpc":"2.0","id":ID,"result":"0x01"}])",
            "[]",
            // no result
            R"({"jsonrpc":"2.0","id":ID})",
            R"({"jsonrpc":"2.0","id":ID,"error":null})",
            R"({"jsonrpc":"2.0","id":ID,"result":null})",
            R"({"jsonrpc":"2.0","id":ID,"result":null,"error":null})",
            "{}",
            // a result of another type
            R"({"jsonrpc":"2.0","id":ID,"result":1})",
            R"({"jsonrpc":"2.0","id":ID,"result":true})",
            R"({"jsonrpc":"2.0","id":ID,"result":["0x01"]})",
            R"({"jsonrpc":"2.0","id":ID,"result":{"data":"0x01"}})",
            // no hex
            R"({"jsonrpc":"2.0","id":ID,"result":""})",
            R"({"jsonrpc":"2.0","id":ID,"result":"01"})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0X01"})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x1"})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x012"})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0xzz"})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x01 "})",
            R"({"jsonrpc":"2.0","id":ID,"result":" 0x01"})",
            // no data: nobody lives at that address
            R"({"jsonrpc":"2.0","id":ID,"result":"0x"})",
            // an error, whatever stands beside it
            R"({"jsonrpc":"2.0","id":ID,"error":{"code":3,"message":"execution reverted: NOT_BOOKED","data":"0x08c379a0"}})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x01","error":{"code":-32000,"message":"x"}})",
            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}})",
            R"({"jsonrpc":"2.0","id":ID,"error":"no"})",
            R"({"jsonrpc":"2.0","id":ID,"error":{}})",
            R"({"jsonrpc":"2.0","id":ID,"error":[]})",
            R"({"jsonrpc":"2.0","id":ID,"result":"0x01","error":false})",
            R"({"jsonrpc":"2.0","id":ID,"error":{"code":"3"}})",
            R"({"jsonrpc":"2.0","id":ID,"error":{"code":1.5}})",
        })
        refusal(text);
}

BOOST_AUTO_TEST_CASE(the_refusal_names_the_errors_code)
{
    const auto reverted = refusal(R"({"id":ID,"error":{"code":3,"message":"execution reverted"}})");
    BOOST_TEST(reverted.find("code 3") != std::string::npos, reverted);
    const auto unknown = refusal(R"({"id":ID,"error":{"message":"?"}})");
    BOOST_TEST(unknown.find("code unknown") != std::string::npos, unknown);
}

BOOST_AUTO_TEST_CASE(a_refusal_says_what_was_wrong)
{
    for (const auto& [text, why] :
         {std::pair("<html>", "the node did not answer in JSON"),
          {"[]", "the node's answer is no object"},
          {"7", "the node's answer is no object"},
          {R"({"result":"0x01"})", "the node answered another request"},
          {R"({"id":999,"result":"0x01"})", "the node answered another request"},
          {R"({"id":ID})", "the node's answer has no result"},
          {R"({"id":ID,"result":1})", "eth_call gave no text"},
          {R"({"id":ID,"result":"0xzz"})", "eth_call gave no hex data"},
          {R"({"id":ID,"result":"0x"})",
           "eth_call gave no data; is there a contract at 0x22b618dabb5acdc214eeaa1c4c5e2ef6eb4488c2?"},
          {R"({"id":ID,"error":{"code":-32005,"message":"x"}})", "the node is asked too much"}})
        BOOST_TEST(refusal(text) == "chain_unavailable: " + std::string(why));
}

BOOST_AUTO_TEST_CASE(what_the_node_said_is_logged_without_addresses)
{
    const auto logged = [&](std::int64_t code, const std::string& message) {
        const base::Json error{{"code", code}, {"message", message}};
        return logged_by([&] { refusal(R"({"id":ID,"error":)" + error.dump() + "}"); });
    };
    for (const std::int64_t code : {std::int64_t{3}, std::int64_t{429}}) {
        const auto line =
            logged(code, "no key at https://rpc.example.org/5ca1ab1e for " + std::string(65, 'a'));
        const auto expected = "the node answered eth_call with code " + std::to_string(code) +
                              ": no key at (an address) for (bytes)\n";
        BOOST_TEST(line.find(expected) != std::string::npos, line);
    }
    // Of a long message the beginning.
    const auto cut = logged(3, "x://" + std::string(1994, 'a') + " YZ");
    BOOST_TEST(cut.ends_with(": (an address) Y\n"), cut);
}

// Nodes repeat the address that they were asked at, and it may hold an access key.
BOOST_AUTO_TEST_CASE(no_refusal_repeats_what_the_node_says)
{
    for (
        const auto* text : {
            R"({"id":ID,"error":{"code":-32000,"message":"POST https://rpc.example.org/v1/5ca1ab1e failed","data":"https://rpc.example.org/v1/5ca1ab1e"}})",
            R"({"id":ID,"error":"https://rpc.example.org/v1/5ca1ab1e"})",
            R"({"id":ID,"error":{"code":"https://rpc.example.org/v1/5ca1ab1e"}})",
            R"({"id":"https://rpc.example.org/v1/5ca1ab1e","result":"0x01"})",
            R"({"id":ID,"result":"https://rpc.example.org/v1/5ca1ab1e"})",
            R"({"id":ID,"https://rpc.example.org/v1/5ca1ab1e":1})",
            R"(<a href="https://rpc.example.org/v1/5ca1ab1e">moved</a>)",
        }) {
        const auto message = refusal(text);
        BOOST_TEST(message.find("5ca1ab1e") == std::string::npos, message);
        BOOST_TEST(message.find("://") == std::string::npos, message);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_nested_without_end_is_refused)
{
    refusal(R"({"id":ID,"result":)" + std::string(100000, '['));
    refusal(R"({"id":ID,"result":)" + std::string(100000, '[') + std::string(100000, ']') + "}");
}

BOOST_AUTO_TEST_CASE(a_transport_that_fails_is_a_chain_that_cannot_be_asked)
{
    transport.answer = [](const base::Json&) -> std::string {
        throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "scripted");
    };
    BOOST_CHECK_EXCEPTION(eth_call(), base::Error, [](const base::Error& error) {
        return error.code() == base::ErrorCode::chain_unavailable;
    });
    // The next call stands on its own.
    answer(R"({"jsonrpc":"2.0","id":ID,"result":"0x01"})");
    BOOST_TEST(eth_call() == "\x01");
}

// ---- errors that mean something ----

BOOST_AUTO_TEST_CASE(an_error_can_be_had_as_it_is)
{
    const auto error = error_of(
        R"({"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"nonce too low","data":"0x00fF"}})");
    BOOST_TEST(error.code == -32000);
    BOOST_TEST(error.message == "nonce too low");
    BOOST_TEST((error.data == std::string("\x00\xff", 2)));
    BOOST_TEST(transport.requests.back()["method"] == "eth_sendRawTransaction");
    BOOST_TEST(transport.requests.back()["params"] == base::Json::array({"0x02"}));

    answer(R"({"jsonrpc":"2.0","id":ID,"result":"0x12","error":null})");
    const auto answered = rpc.try_call("eth_sendRawTransaction", base::Json::array({"0x02"}));
    BOOST_TEST(std::get<base::Json>(answered) == base::Json("0x12"));
}

BOOST_AUTO_TEST_CASE(what_is_odd_in_an_error_is_left_out)
{
    struct Case
    {
        const char* error;
        std::int64_t code;
        const char* message;
        const char* data; // hex
    };
    const Case cases[] = {
        {"{}", 0, "", ""},
        {"[]", 0, "", ""},
        {"false", 0, "", ""},
        {R"("no")", 0, "", ""},
        {R"({"code":"3","message":5,"data":7})", 0, "", ""},
        {R"({"code":3.0,"message":null,"data":null})", 0, "", ""},
        {R"({"code":3,"message":"m","data":"Reverted 0x08"})", 3, "m", "08"},
        {R"({"code":3,"message":"m","data":"Reverted 08"})", 3, "m", ""},
        {R"({"code":3,"message":"m","data":"0x"})", 3, "m", ""},
        {R"({"code":3,"message":"m","data":"0x8"})", 3, "m", ""},
        {R"({"code":3,"message":"m","data":"0xzz"})", 3, "m", ""},
        {R"({"code":3,"message":"m","data":{"data":"0x08"}})", 3, "m", ""},
        {R"({"code":3,"message":"m","data":"0x08"})", 3, "m", "08"},
    };
    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.error)
        {
            const auto error = error_of(R"({"jsonrpc":"2.0","id":ID,"error":)" + std::string(c.error) + "}");
            BOOST_TEST(error.code == c.code);
            BOOST_TEST(error.message == c.message);
            BOOST_TEST(base::to_hex(error.data) == c.data);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_refused_even_if_errors_are_welcome)
{
    for (const auto* text :
         {"", "<html>", "[]", "null", R"({"jsonrpc":"2.0","id":ID})",
          R"({"jsonrpc":"2.0","id":ID,"error":null})", R"({"jsonrpc":"2.0","id":999,"result":"0x01"})",
          R"({"jsonrpc":"2.0","result":"0x01"})",
          R"({"jsonrpc":"2.0","id":ID,"result":"0x01","result":"0x02"})"}) {
        answer(text);
        BOOST_TEST_CONTEXT(text)
        BOOST_CHECK_EXCEPTION(
            rpc.try_call("eth_sendRawTransaction", base::Json::array()), base::Error,
            [](const base::Error& error) { return error.code() == base::ErrorCode::chain_unavailable; });
    }
}

BOOST_AUTO_TEST_CASE(an_observer_is_told_of_every_call_and_how_it_ended)
{
    struct Observer : ethereum::CallObserver
    {
        void before_call() override { told.emplace_back("begins"); }
        void on_call(const std::string& method, const char* outcome, std::int64_t microseconds) override
        {
            BOOST_TEST(microseconds >= 0);
            told.push_back(method + " " + outcome);
        }
        std::vector<std::string> told;
    } observer;
    ethereum::JsonRpc watched(transport, &observer);
    answer(R"({"jsonrpc":"2.0","id":ID,"result":"0x1"})");
    watched.call("eth_chainId", base::Json::array());
    answer(R"({"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"no"}})");
    BOOST_CHECK_THROW(watched.call("eth_call", base::Json::array()), base::Error);
    answer("<html>");
    BOOST_CHECK_THROW(watched.call("eth_call", base::Json::array()), base::Error);
    const std::vector<std::string> expected = {"begins",         "eth_chainId ok", "begins",
                                               "eth_call error", "begins",         "eth_call unavailable"};
    BOOST_TEST(observer.told == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
