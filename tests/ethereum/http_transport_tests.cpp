#include "ethereum/http_transport.h"

#include "fixture.h"
#include "http_node.h"
#include "temporary_folder.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <thread>
#include <unistd.h>

namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string response(const std::string& body, const std::string& status = "200 OK")
{
    return "HTTP/1.1 " + status +
           "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

Node::Answer says(const std::string& text)
{
    return [text](Node&, int connection) { Node::send(connection, text); };
}

void hang(Node& node, int)
{
    while (node.wait(1000)) {
    }
}

ethereum::HttpOptions options_for(const std::string& url, std::int64_t timeout_ms = 5000)
{
    ethereum::HttpOptions options;
    options.url = url;
    options.timeout_ms = timeout_ms;
    return options;
}

// The refusal of one call, and how long it took. Its message never names the address.
struct Refusal
{
    std::string message;
    std::int64_t took_ms = 0;
};

Refusal refusal(ethereum::HttpTransport& transport)
{
    const auto start = Steady::now();
    Refusal refused;
    try {
        transport.post("{}");
        BOOST_ERROR("the call was answered");
    } catch (const base::Error& error) {
        BOOST_TEST((error.code() == base::ErrorCode::chain_unavailable));
        refused.message = error.what();
    }
    refused.took_ms = std::chrono::duration_cast<milliseconds>(Steady::now() - start).count();
    for (const auto* part : {"5ca1ab1e", "127.0.0.1", "http:", "/v1"})
        BOOST_TEST(refused.message.find(part) == std::string::npos, refused.message);
    return refused;
}

Refusal refusal(const Node& node, std::int64_t timeout_ms = 5000)
{
    ethereum::HttpTransport transport(options_for(node.url(), timeout_ms));
    return refusal(transport);
}

} // namespace

BOOST_AUTO_TEST_SUITE(http_transport_tests)

BOOST_AUTO_TEST_CASE(a_body_goes_there_as_json_and_the_answers_body_comes_back)
{
    Node node(says(response("{\"result\":\"0x01\"}")));
    ethereum::HttpTransport transport(options_for(node.url()));
    BOOST_TEST(transport.post("{\"id\":1}") == "{\"result\":\"0x01\"}");
    BOOST_TEST(transport.post("{\"id\":2}") == "{\"result\":\"0x01\"}");
    node.stop();
    BOOST_TEST(node.requests() == 2);
    const auto request = node.last_request();
    BOOST_TEST(request.rfind("POST /v1/5ca1ab1e HTTP/1.1\r\n", 0) == 0u, request);
    BOOST_TEST(request.find("Content-Type: application/json\r\n") != std::string::npos, request);
    BOOST_TEST(request.substr(request.find("\r\n\r\n") + 4) == "{\"id\":2}");
}

BOOST_AUTO_TEST_CASE(an_answer_of_unknown_length_is_read_to_its_end)
{
    Node chunked(
        says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
    BOOST_TEST(ethereum::HttpTransport(options_for(chunked.url())).post("{}") == "abcde");
    Node until_close(says("HTTP/1.0 200 OK\r\n\r\nabcde"));
    BOOST_TEST(ethereum::HttpTransport(options_for(until_close.url())).post("{}") == "abcde");
}

BOOST_AUTO_TEST_CASE(a_node_that_hangs_is_given_up_after_the_timeout)
{
    Node node(hang);
    const auto refused = refusal(node, 200);
    BOOST_TEST(refused.took_ms >= 190);
    BOOST_TEST(refused.took_ms < 2000);
}

// The timeout is for the whole exchange, not for each byte.
BOOST_AUTO_TEST_CASE(a_node_that_dribbles_is_given_up_after_the_timeout)
{
    Node node([](Node& self, int connection) {
        Node::send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (self.wait(10) && Node::send(connection, "x")) {
        }
    });
    const auto refused = refusal(node, 200);
    BOOST_TEST(refused.took_ms >= 190);
    BOOST_TEST(refused.took_ms < 2000);
}

BOOST_AUTO_TEST_CASE(a_node_that_hangs_up_early_is_refused)
{
    for (const auto* text : {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"result\":",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"}) {
        Node node(says(text));
        BOOST_TEST_CONTEXT("after " << text)
        {
            BOOST_TEST(refusal(node).took_ms < 2000);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_http_is_refused)
{
    for (const auto* text : {"SSH-2.0-OpenSSH_9.2\r\n", "{\"result\":\"0x01\"}", "\x16\x03\x01"}) {
        Node node(says(text));
        BOOST_TEST_CONTEXT("after " << text)
        {
            BOOST_TEST(refusal(node).took_ms < 2000);
        }
    }
}

BOOST_AUTO_TEST_CASE(any_status_but_200_is_refused)
{
    for (const auto* status : {"500 Internal Server Error", "429 Too Many Requests", "404 Not Found",
                               "403 Forbidden", "204 No Content", "201 Created"}) {
        Node node(
            says(response(std::string(status) == "204 No Content" ? "" : "{\"result\":\"0x01\"}", status)));
        const auto refused = refusal(node);
        BOOST_TEST(refused.message.find(std::string(status, 3)) != std::string::npos, refused.message);
    }
}

// Hedera's relay answers a revert so.
BOOST_AUTO_TEST_CASE(an_error_of_json_rpc_may_have_status_400_and_no_other)
{
    const std::string error = R"({"error":{"code":3}})";
    Node reverting(says(response(error, "400 Bad Request")));
    BOOST_TEST(ethereum::HttpTransport(options_for(reverting.url())).post("{}") == error);
    for (const auto* body : {"", "<html>", "[]", "7", R"({"result":"0x01"})", R"({"error":"x"})",
                             R"({"error":{}})", R"({"error":{"message":"x"}})", R"({"code":3})"}) {
        Node node(says(response(body, "400 Bad Request")));
        BOOST_TEST(refusal(node).message.ends_with("HTTP status 400"), body);
    }
    for (const auto* status : {"399 Unknown", "401 Unauthorized", "500 Internal Server Error"}) {
        Node node(says(response(error, status)));
        BOOST_TEST(refusal(node).message.ends_with("HTTP status " + std::string(status, 3)), status);
    }
}

BOOST_AUTO_TEST_CASE(a_node_that_is_asked_too_much_is_told_from_others)
{
    for (const auto& [status, is_too_much] : {std::pair("428", false), {"429", true}, {"430", false}}) {
        Node node(says(response("", std::string(status) + " Refused")));
        BOOST_TEST((refusal(node).message.find("asked too much") != std::string::npos) == is_too_much,
                   status);
    }
}

// It could lead anywhere, also into the own network.
BOOST_AUTO_TEST_CASE(a_redirection_is_not_followed)
{
    Node other(says(response("{\"result\":\"0x01\"}")));
    for (const auto* status : {"301 Moved Permanently", "302 Found", "307 Temporary Redirect"}) {
        Node node(says("HTTP/1.1 " + std::string(status) + "\r\nLocation: " + other.url() +
                       "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        const auto refused = refusal(node);
        BOOST_TEST(refused.message.find(std::string(status, 3)) != std::string::npos, refused.message);
        BOOST_TEST(node.requests() == 1);
    }
    BOOST_TEST(other.requests() == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_without_end_is_refused_as_soon_as_it_is_too_large)
{
    std::atomic<std::size_t> sent{0};
    Node node([&](Node& self, int connection) {
        Node::send(connection, "HTTP/1.1 200 OK\r\n\r\n");
        const std::string block(65536, 'x');
        while (self.wait(0) && Node::send(connection, block))
            sent += block.size();
    });
    BOOST_TEST(refusal(node).took_ms < 2000);
    node.stop();
    BOOST_TEST(sent < 20u * 1024 * 1024); // what the kernel's buffers hold, and not the 5 s of the timeout
}

BOOST_AUTO_TEST_CASE(the_largest_answer_is_256_kib)
{
    const std::string largest(256 * 1024, 'x');
    Node accepted(says(response(largest)));
    BOOST_TEST((ethereum::HttpTransport(options_for(accepted.url())).post("{}") == largest));
    Node refused(says(response(largest + "x")));
    refusal(refused);
    Node chunked(says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000\r\n" + largest +
                      "\r\n1\r\nx\r\n0\r\n\r\n"));
    refusal(chunked);
    // A header without end is no way around it.
    Node headers([](Node& self, int connection) {
        Node::send(connection, "HTTP/1.1 200 OK\r\n");
        const std::string line = "X-Filler: " + std::string(1000, 'x') + "\r\n";
        while (self.wait(0) && Node::send(connection, line)) {
        }
    });
    BOOST_TEST(refusal(headers).took_ms < 4000);
}

// A client's "Proxy:" header arrives as HTTP_PROXY.
BOOST_AUTO_TEST_CASE(proxies_of_the_environment_are_ignored)
{
    Node proxy(says(response("by the proxy")));
    Node node(says(response("by the node")));
    const char* names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                           "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    for (const auto* name : names)
        ::setenv(name, proxy.url().c_str(), 1);
    std::string answer;
    try {
        answer = ethereum::HttpTransport(options_for(node.url())).post("{}");
    } catch (const base::Error& error) {
        answer = error.what();
    }
    for (const auto* name : names)
        ::unsetenv(name);
    BOOST_TEST(answer == "by the node");
    BOOST_TEST(proxy.requests() == 0);
}

BOOST_AUTO_TEST_CASE(a_port_where_nobody_listens_is_refused_at_once)
{
    Node node(hang);
    const auto url = node.url();
    node.stop();
    ethereum::HttpTransport transport(options_for(url));
    BOOST_TEST(refusal(transport).took_ms < 2000);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_none_is_refused)
{
    for (const auto* url :
         {"", "http://", "file:///etc/passwd", "gopher://127.0.0.1/5ca1ab1e", "http:// 5ca1ab1e/"}) {
        ethereum::HttpTransport transport(options_for(url));
        BOOST_TEST_CONTEXT(url)
        {
            refusal(transport);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_address_that_is_too_long_is_refused)
{
    ethereum::HttpTransport transport(options_for("http://127.0.0.1/" + std::string(9000000, 'x')));
    BOOST_TEST(refusal(transport).message.ends_with("libcurl refuses a setting"));
}

// Not even standard input.
BOOST_AUTO_TEST_CASE(a_transport_closes_its_connection_and_nothing_else)
{
    const auto descriptors = [] {
        std::set<std::string> open;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
            open.insert(entry.path().filename());
        return open;
    };
    const auto call = [] { // by a connection that may be used again
        Node node(says("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"));
        BOOST_TEST(ethereum::HttpTransport(options_for(node.url())).post("{}") == "fine");
    };
    call(); // the library is loaded with the first
    const auto before = descriptors();
    call();
    BOOST_TEST(descriptors() == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_transport_works_again_after_a_refusal)
{
    std::atomic<bool> is_well{false};
    Node node([&](Node&, int connection) {
        Node::send(connection, is_well ? response("fine") : response("", "503 Service Unavailable"));
    });
    ethereum::HttpTransport transport(options_for(node.url()));
    refusal(transport);
    is_well = true;
    BOOST_TEST(transport.post("{}") == "fine");
}

// A node that hangs must not hold up every worker of the service.
BOOST_AUTO_TEST_CASE(one_call_more_than_allowed_is_refused_quickly)
{
    const TemporaryFolder folder;
    const auto limited = [&](const Node& node, std::int64_t max_concurrent) {
        auto options = options_for(node.url(), 10000);
        options.max_concurrent = max_concurrent;
        options.slots_path = folder / "slots";
        return options;
    };
    std::promise<void> is_hanging;
    Node hanging([&](Node& self, int connection) {
        is_hanging.set_value();
        hang(self, connection);
    });
    Node healthy(says(response("fine")));

    std::thread first([&] {
        ethereum::HttpTransport transport(limited(hanging, 1));
        BOOST_CHECK_THROW(transport.post("{}"), base::Error);
    });
    is_hanging.get_future().wait();

    ethereum::HttpTransport second(limited(healthy, 1));
    const auto refused = refusal(second);
    BOOST_TEST(refused.took_ms < 2000);
    BOOST_TEST(refused.message.find("too many calls") != std::string::npos, refused.message);
    BOOST_TEST(healthy.requests() == 0);
    // With a slot more there is room.
    ethereum::HttpTransport third(limited(healthy, 2));
    BOOST_TEST(third.post("{}") == "fine");

    hanging.stop();
    first.join();
    BOOST_TEST(second.post("{}") == "fine");
}

// Whoever waits for the node holds a worker that somebody may need who asks nothing.
BOOST_AUTO_TEST_CASE(one_call_waits_and_the_next_is_refused_at_once)
{
    const TemporaryFolder folder;
    const auto limited = [&](const Node& node, std::int64_t wait_ms, bool beside_others) {
        auto options = options_for(node.url(), 20000);
        options.max_concurrent = 1;
        options.slots_path = folder / "slots";
        options.slot_wait_ms = wait_ms;
        options.waits_beside_others = beside_others;
        return options;
    };
    std::promise<void> is_hanging;
    Node hanging([&](Node& self, int connection) {
        is_hanging.set_value();
        hang(self, connection);
    });
    Node healthy(says(response("fine")));
    std::thread first([&] {
        ethereum::HttpTransport transport(limited(hanging, 100, false));
        BOOST_CHECK_THROW(transport.post("{}"), base::Error);
    });
    is_hanging.get_future().wait();

    const auto is_waiting = [&] { // the byte behind the slots is taken
        struct flock range = {};
        range.l_type = F_WRLCK;
        range.l_whence = SEEK_SET;
        range.l_start = 1;
        range.l_len = 1;
        const int fd = ::open((folder / "slots").c_str(), O_RDWR | O_CLOEXEC);
        const bool is_known = ::fcntl(fd, F_OFD_GETLK, &range) == 0;
        ::close(fd);
        return is_known && range.l_type != F_UNLCK;
    };
    std::atomic<bool> is_waiting_still{false};
    Node asked([&](Node&, int connection) {
        is_waiting_still = is_waiting();
        Node::send(connection, response("fine"));
    });
    std::string waited_for;
    std::thread second([&] {
        ethereum::HttpTransport transport(limited(asked, 20000, false));
        waited_for = transport.post("{}");
    });
    while (!is_waiting())
        std::this_thread::yield();
    ethereum::HttpTransport third(limited(healthy, 20000, false));
    BOOST_TEST(refusal(third).took_ms < 2000); // of 20000 that it would have waited
    // The sweep may: it holds nobody's worker.
    std::string swept;
    std::thread sweep([&] {
        ethereum::HttpTransport transport(limited(healthy, 20000, true));
        swept = transport.post("{}");
    });
    hanging.stop();
    for (auto* thread : {&first, &second, &sweep})
        thread->join();
    BOOST_TEST(waited_for == "fine");
    BOOST_TEST(swept == "fine");
    BOOST_TEST(!is_waiting_still); // while it asks, another may wait
}

// Nodes say what is wrong with a key, and repeat it.
BOOST_AUTO_TEST_CASE(what_a_node_said_is_told_without_any_part_of_its_address)
{
    const ethereum::HttpTransport transport(
        options_for("https://user:passw0rd-1@node.example.org:8545/v1/0123456789abcdef?key=fedcba9876"));
    BOOST_TEST(transport.without_address("no key 0123456789abcdef, fedcba9876 or user:passw0rd-1 at "
                                         "node.example.org:8545/v1, https: 0123456789abcdef") ==
               "no key (address), (address) or (address) at (address)/v1, https: (address)");
    BOOST_TEST(transport.without_address("execution reverted") == "execution reverted");
    // What is short may be a word.
    const ethereum::HttpTransport other(options_for("https://abcdef/vwxyz"));
    BOOST_TEST(other.without_address("abcdef vwxyz abcde") == "(address) vwxyz abcde");
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_gives_its_slot_back)
{
    const TemporaryFolder folder;
    Node node(says(response("", "500 Internal Server Error")));
    auto options = options_for(node.url());
    options.max_concurrent = 1;
    options.slots_path = folder / "slots";
    ethereum::HttpTransport transport(options);
    for (int i = 0; i < 5; ++i)
        refusal(transport);
    BOOST_TEST(node.requests() == 5);
}

BOOST_AUTO_TEST_CASE(slots_that_cannot_be_counted_are_none)
{
    const TemporaryFolder folder;
    Node node(says(response("fine")));
    auto options = options_for(node.url());
    options.slots_path = folder / "missing/slots";
    ethereum::HttpTransport transport(options);
    BOOST_TEST(refusal(transport).message.find("cannot open") != std::string::npos);
    BOOST_TEST(node.requests() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
