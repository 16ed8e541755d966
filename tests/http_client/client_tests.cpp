#include "http_client/client.h"

#include "fixture.h"
#include "http_node.h"

#include <chrono>
#include <filesystem>

namespace {

using http_client::Answer;
using http_client::Reach;

Node::Answer says(const std::string& text)
{
    return [text](Node&, int connection) { Node::send(connection, text); };
}

std::string response(const std::string& status, const std::string& headers, const std::string& body)
{
    return "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + headers + "\r\n" + body;
}

http_client::Request request_to(const std::string& url, Reach reach = Reach::loopback)
{
    http_client::Request request;
    request.url = url;
    request.headers = {"Content-Type: application/json", "X-Test: ünïcode"};
    request.body = std::string("{\"a\":\0}", 7);
    request.reach = reach;
    return request;
}

Answer answer_to(const http_client::Request& request)
{
    http_client::Client client;
    client.post(7, request);
    for (int i = 0; i < 100; ++i) {
        const auto finished = client.collect(200);
        if (finished.empty())
            continue;
        BOOST_TEST(finished.size() == 1U);
        BOOST_TEST(finished[0].id == 7);
        return finished[0].answer;
    }
    BOOST_FAIL("there is no answer");
    return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_tests)

BOOST_AUTO_TEST_CASE(it_sends_what_it_is_given_and_gives_back_the_answer)
{
    Node node(says(response("503 Busy", "retry-AFTER: \t 17 \r\n", "sorry")));
    const auto answer = answer_to(request_to(node.url()));
    BOOST_TEST(answer.status == 503);
    BOOST_TEST(answer.body == "sorry");
    BOOST_TEST(answer.retry_after == "17");
    BOOST_TEST(answer.failure == "");
    node.stop();
    const auto& sent = node.last_request();
    BOOST_TEST(sent.rfind("POST /v1/5ca1ab1e HTTP/1.1\r\n", 0) == 0U);
    BOOST_TEST(sent.find("\r\nX-Test: ünïcode\r\n") != std::string::npos);
    BOOST_TEST(sent.substr(sent.find("\r\n\r\n") + 4) == std::string("{\"a\":\0}", 7));
}

BOOST_AUTO_TEST_CASE(whoever_does_not_answer_is_a_failure_that_names_no_address)
{
    for (const char* text : {"", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"}) {
        const Node node(says(text));
        const auto answer = answer_to(request_to(node.url()));
        BOOST_TEST(answer.status == 0, text);
        BOOST_TEST(answer.failure != "");
        BOOST_TEST(answer.failure.find("127.0.0.1") == std::string::npos);
    }
    Node gone(says(""));
    gone.stop();
    const auto failure = answer_to(request_to(gone.url())).failure;
    BOOST_TEST(failure.find("connect to server") != std::string::npos, failure);
    BOOST_TEST(answer_to(request_to("ftp://127.0.0.1/")).failure != "");
    BOOST_TEST(answer_to(request_to("http://127.0.0.1:99999/")).failure != "");
    const std::string longer_than_libcurl_takes(8'000'001, 'a');
    BOOST_TEST(answer_to(request_to("http://127.0.0.1/" + longer_than_libcurl_takes)).failure ==
               "libcurl refuses a setting");
}

BOOST_AUTO_TEST_CASE(whoever_takes_too_long_is_a_failure)
{
    const Node node([](Node& self, int connection) {
        Node::send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while (self.wait(10) && Node::send(connection, "x")) {
        }
    });
    auto request = request_to(node.url());
    request.timeout_ms = 200;
    const auto answer = answer_to(request);
    BOOST_TEST(answer.status == 0);
    BOOST_TEST(answer.failure == "Timeout was reached");
}

BOOST_AUTO_TEST_CASE(of_a_long_answer_the_beginning_is_read_and_its_status_counts)
{
    const Node node(says(response("200 OK", "", std::string(1000000, 'x'))));
    const auto answer = answer_to(request_to(node.url()));
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.body.size() <= http_client::max_answer_bytes);
    BOOST_TEST(answer.body.size() > http_client::max_answer_bytes - 1000);
    const Node talkative(says(response("200 OK", "X: " + std::string(70000, 'x') + "\r\n", "hello")));
    BOOST_TEST((answer_to(request_to(talkative.url())).body.empty()));
}

BOOST_AUTO_TEST_CASE(an_answer_is_read_to_the_limit_and_no_byte_further)
{
    const auto headers = response("200 OK", "", std::string(60000, 'x')).size() - 60000; // as many digits
    const auto whole = http_client::max_answer_bytes - headers;
    for (const auto size : {whole, whole + 1}) {
        const Node node(says(response("200 OK", "", std::string(size, 'x'))));
        const auto answer = answer_to(request_to(node.url()));
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(answer.body.size() == whole);
    }
}

BOOST_AUTO_TEST_CASE(no_proxy_of_the_environment_is_used)
{
    Node proxy(says(response("200 OK", "", "proxy")));
    const Node node(says(response("200 OK", "", "node")));
    for (const char* name : {"no_proxy", "NO_PROXY"})
        ::unsetenv(name);
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    const auto answer = answer_to(request_to(node.url()));
    ::unsetenv("http_proxy");
    BOOST_TEST(answer.body == "node");
    BOOST_TEST(proxy.requests() == 0);
}

BOOST_AUTO_TEST_CASE(no_file_is_an_answer)
{
    const auto answer = answer_to(request_to("file:///etc/passwd"));
    BOOST_TEST(answer.failure != "");
    BOOST_TEST(answer.body == "");
}

BOOST_AUTO_TEST_CASE(an_address_out_of_reach_is_not_connected_to)
{
    const Node node(says(response("200 OK", "", "")));
    const auto port = node.url().substr(node.url().rfind(':'));
    for (const char* host : {"127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]"}) {
        const auto answer = answer_to(request_to(std::string("http://") + host + port, Reach::global));
        BOOST_TEST(answer.failure == "its host stands for an address that may not be connected to", host);
    }
    BOOST_TEST(node.requests() == 0);
    BOOST_TEST(answer_to(request_to(node.url(), Reach::anywhere)).status == 200);
    BOOST_TEST(answer_to(request_to("http://0.0.0.0" + port, Reach::loopback)).failure ==
               "its host stands for an address that may not be connected to");
}

BOOST_AUTO_TEST_CASE(several_are_under_way_at_once)
{
    // The first connection is answered once the second has been: each server serves one after the other.
    Node slow([](Node& self, int connection) {
        self.wait(300);
        Node::send(connection, response("200 OK", "", "slow"));
    });
    Node quick(says(response("200 OK", "", "quick")));
    http_client::Client client;
    client.post(1, request_to(slow.url()));
    client.post(2, request_to(quick.url()));
    for (const std::int64_t id : {2, 1}) { // the quick one is not kept waiting for the other
        const auto finished = client.collect(10000);
        BOOST_TEST_REQUIRE(finished.size() == 1U);
        BOOST_TEST(finished[0].id == id);
    }
    BOOST_TEST(client.collect(1).empty());
}

BOOST_AUTO_TEST_CASE(where_nothing_is_under_way_it_waits_as_long_as_it_is_told)
{
    http_client::Client client;
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST(client.collect(20).empty());
    BOOST_TEST((std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(20)));
}

BOOST_AUTO_TEST_CASE(a_client_leaves_nothing_open_behind)
{
    const auto open_files = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const Node node([](Node& self, int) { self.wait(5000); });
    { // whatever libcurl keeps
        http_client::Client client;
        client.collect(0);
    }
    const auto before = open_files();
    {
        http_client::Client client;
        client.post(1, request_to(node.url()));
        client.collect(20);
        BOOST_TEST(open_files() > before);
    }
    BOOST_TEST(open_files() <= before + 1); // the node's end of the connection
}

BOOST_AUTO_TEST_CASE(what_is_under_way_can_be_left)
{
    const Node node([](Node& self, int) { self.wait(5000); });
    const auto began = std::chrono::steady_clock::now();
    {
        http_client::Client client;
        client.post(1, request_to(node.url()));
        BOOST_TEST(client.collect(50).empty());
        BOOST_TEST((std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(50)));
    }
    BOOST_TEST((std::chrono::steady_clock::now() - began < std::chrono::seconds(2)));
}

BOOST_AUTO_TEST_SUITE_END()
