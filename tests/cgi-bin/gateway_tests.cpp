// What a web server says of a request, and what it is given back, without a web server.
#include "gateway.h"

#include "fixture.h"

#include <algorithm>

namespace {

class ScriptedGateway : public Gateway
{
  public:
    explicit ScriptedGateway(std::vector<std::string> variables, std::string body = {})
        : text_(std::move(variables)), body_(std::move(body))
    {
        for (const auto& variable : text_)
            pointers_.push_back(variable.c_str());
        pointers_.push_back(nullptr);
    }

    const char* const* variables() const override { return pointers_.data(); }
    std::size_t read(char* buffer, std::size_t count) override
    {
        const auto given = body_.copy(buffer, std::min(count, most_at_once), taken);
        taken += given;
        return given;
    }
    void write(const std::string& bytes) override { written += bytes; }

    std::size_t most_at_once = std::string::npos;
    std::size_t taken = 0; // bytes of the body
    std::string written;

  private:
    const std::vector<std::string> text_;
    std::vector<const char*> pointers_;
    const std::string body_;
};

http::Request read(std::vector<std::string> variables, const std::string& body = {})
{
    ScriptedGateway gateway(std::move(variables), body);
    return read_request(gateway);
}

std::string written(const http::Response& response)
{
    ScriptedGateway gateway({});
    write_response(gateway, response);
    return gateway.written;
}

std::string path_of(const std::string& uri, const std::string& script_name, const std::string& path_info)
{
    return read({"REQUEST_URI=" + uri, "SCRIPT_NAME=" + script_name, "PATH_INFO=" + path_info}).path;
}

constexpr std::size_t largest_drained = 1024 * 1024;

} // namespace

// Boost prints it.
namespace http {
static std::ostream& operator<<(std::ostream& out, BodyState state)
{
    constexpr const char* names[] = {"complete", "too_large", "cut_off"};
    return out << names[static_cast<int>(state)];
}
} // namespace http

using http::BodyState;

BOOST_AUTO_TEST_SUITE(gateway_tests)

BOOST_AUTO_TEST_CASE(every_variable_that_counts_comes_to_its_place)
{
    const auto request =
        read({"GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=POST", "REQUEST_URI=/rooms/join?a=1&b=%20?",
              "REMOTE_ADDR=192.0.2.7", "HTTP_AUTHORIZATION=Bearer x=y", "HTTP_X_SERVICE_TOKEN=s",
              "HTTP_ORIGIN=https://example.org", "HTTP_IF_NONE_MATCH=\"7\"", "HTTP_IDEMPOTENCY_KEY=k",
              "HTTP_X_REQUEST_ID=r", "HTTP_ACCESS_CONTROL_REQUEST_HEADERS=authorization", "CONTENT_LENGTH=2"},
             "{}");
    BOOST_TEST(request.method == "POST");
    BOOST_TEST(request.path == "/rooms/join");
    BOOST_TEST(request.query == "a=1&b=%20?");
    BOOST_TEST(request.address == "192.0.2.7");
    BOOST_TEST(request.authorization == "Bearer x=y");
    BOOST_TEST(request.service_token == "s");
    BOOST_TEST(request.origin == "https://example.org");
    BOOST_TEST(request.if_none_match == "\"7\"");
    BOOST_TEST(request.idempotency_key.value_or("none") == "k");
    BOOST_TEST(request.request_id == "r");
    BOOST_TEST(request.access_control_request_headers == "authorization");
    BOOST_TEST(request.body == "{}");
    BOOST_TEST(request.body_state == BodyState::complete);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_empty)
{
    const auto request = read({});
    for (const auto* text :
         {&request.method, &request.path, &request.query, &request.body, &request.authorization,
          &request.service_token, &request.origin, &request.if_none_match, &request.request_id,
          &request.address, &request.access_control_request_headers})
        BOOST_TEST(*text == "");
    BOOST_TEST(!request.idempotency_key.has_value());
    BOOST_TEST(request.body_state == BodyState::complete);
    // A key that is empty is one that came.
    BOOST_TEST(read({"HTTP_IDEMPOTENCY_KEY="}).idempotency_key.has_value());
    BOOST_TEST(!read({"HTTP_IDEMPOTENCY_KEY"}).idempotency_key.has_value()); // no variable at all
    BOOST_TEST(!read({"HTTP_IDEMPOTENCY_KEYS=k"}).idempotency_key.has_value());
}

BOOST_AUTO_TEST_CASE(of_two_variables_of_a_name_the_first_counts)
{
    BOOST_TEST(read({"REMOTE_ADDR=192.0.2.1", "REMOTE_ADDR=192.0.2.2"}).address == "192.0.2.1");
    BOOST_TEST(read({"HTTP_ORIGIN=", "HTTP_ORIGIN=https://example.org"}).origin == "");
}

BOOST_AUTO_TEST_CASE(the_authorization_may_have_been_redirected)
{
    BOOST_TEST(read({"REDIRECT_HTTP_AUTHORIZATION=Bearer r"}).authorization == "Bearer r");
    BOOST_TEST(read({"HTTP_AUTHORIZATION=", "REDIRECT_HTTP_AUTHORIZATION=Bearer r"}).authorization ==
               "Bearer r");
    BOOST_TEST(read({"REDIRECT_HTTP_AUTHORIZATION=Bearer r", "HTTP_AUTHORIZATION=Bearer a"}).authorization ==
               "Bearer a");
}

BOOST_AUTO_TEST_CASE(the_path_begins_behind_the_place_where_the_program_is_mounted)
{
    BOOST_TEST(path_of("/voice/health", "/voice", "/health") == "/health");
    BOOST_TEST(path_of("/voice/health?a=/b", "/voice", "/health") == "/health");
    BOOST_TEST(path_of("/voice/a%2Fb", "/voice", "/a/b") == "/a%2Fb");
    BOOST_TEST(path_of("/voice/", "/voice", "/") == "/");
    // Not mounted there:
    BOOST_TEST(path_of("/voice", "/voice", "/") == "/voice");
    BOOST_TEST(path_of("/voices/health", "/voice", "/health") == "/voices/health");
    BOOST_TEST(path_of("/other/health", "/voice", "/health") == "/other/health");
    BOOST_TEST(path_of("/voice/health", "/voice", "") == "/voice/health");
    BOOST_TEST(path_of("/voice/health", "", "/health") == "/voice/health");
}

BOOST_AUTO_TEST_CASE(a_query_is_what_follows_the_first_question_mark)
{
    BOOST_TEST(read({"REQUEST_URI=/a"}).query == "");
    BOOST_TEST(read({"REQUEST_URI=/a?"}).query == "");
    BOOST_TEST(read({"REQUEST_URI=?b"}).query == "b");
    BOOST_TEST(read({"REQUEST_URI=?b"}).path == "");
}

BOOST_AUTO_TEST_CASE(a_body_is_read_to_its_announced_end)
{
    ScriptedGateway gateway({"CONTENT_LENGTH=10"}, "0123456789 and the next request");
    gateway.most_at_once = 3;
    const auto request = read_request(gateway);
    BOOST_TEST(request.body == "0123456789");
    BOOST_TEST(request.body_state == BodyState::complete);
    BOOST_TEST(gateway.taken == 10u);
    BOOST_TEST(read({"CONTENT_LENGTH="}, "x").body == "");
    BOOST_TEST(read({"CONTENT_LENGTH=0"}, "x").body_state == BodyState::complete);
}

BOOST_AUTO_TEST_CASE(a_body_that_ends_too_soon_is_cut_off)
{
    const auto request = read({"CONTENT_LENGTH=11"}, "0123456789");
    BOOST_TEST(request.body == "0123456789");
    BOOST_TEST(request.body_state == BodyState::cut_off);
    BOOST_TEST(read({"CONTENT_LENGTH=1"}).body_state == BodyState::cut_off);
}

// Nothing tells whether all of a chunked body came, nor how long one of no length is.
BOOST_AUTO_TEST_CASE(a_body_without_a_good_length_is_cut_off)
{
    ScriptedGateway chunked({"HTTP_TRANSFER_ENCODING=chunked"}, std::string(20000, 'x'));
    BOOST_TEST(read_request(chunked).body_state == BodyState::cut_off);
    BOOST_TEST(chunked.taken == 20000u); // so that the web server can go on
    for (const auto* length : {"x", "-1", "+1", "1x", " 1", "1.0", "0x1"}) {
        const auto request = read({std::string("CONTENT_LENGTH=") + length}, "x");
        BOOST_TEST(request.body_state == BodyState::cut_off, length);
        BOOST_TEST(request.body == "");
    }
}

BOOST_AUTO_TEST_CASE(a_body_is_read_up_to_the_most_that_a_route_takes)
{
    const std::string largest(http::max_sign_in_body_bytes, 'x');
    const auto request = read({"CONTENT_LENGTH=" + std::to_string(largest.size())}, largest);
    BOOST_TEST(request.body_state == BodyState::complete);
    BOOST_TEST((request.body == largest));

    const auto larger = largest + "x";
    ScriptedGateway gateway({"CONTENT_LENGTH=" + std::to_string(larger.size())}, larger);
    const auto refused = read_request(gateway);
    BOOST_TEST(refused.body_state == BodyState::too_large);
    BOOST_TEST(refused.body == "");
    BOOST_TEST(gateway.taken == larger.size());

    ScriptedGateway endless({"CONTENT_LENGTH=99999999999999999999999"},
                            std::string(3 * largest_drained, 'x'));
    BOOST_TEST(read_request(endless).body_state == BodyState::too_large);
    BOOST_TEST(endless.taken == largest_drained);
}

BOOST_AUTO_TEST_CASE(a_response_is_a_status_headers_and_a_body)
{
    http::Response response;
    response.body = "{}";
    response.headers = {{"Content-Type", "application/json"}, {"Retry-After", "1"}};
    const std::string head =
        "Status: 200 OK\r\nContent-Type: application/json\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n";
    BOOST_TEST(written(response) == head + "{}");
    response.is_head = true;
    BOOST_TEST(written(response) == head);
}

BOOST_AUTO_TEST_CASE(every_status_has_its_phrase_and_two_have_no_length)
{
    const std::pair<int, const char*> phrases[] = {{200, "OK"},
                                                   {204, "No Content"},
                                                   {304, "Not Modified"},
                                                   {308, "Permanent Redirect"},
                                                   {400, "Bad Request"},
                                                   {401, "Unauthorized"},
                                                   {403, "Forbidden"},
                                                   {404, "Not Found"},
                                                   {405, "Method Not Allowed"},
                                                   {409, "Conflict"},
                                                   {413, "Content Too Large"},
                                                   {422, "Unprocessable Content"},
                                                   {429, "Too Many Requests"},
                                                   {500, "Internal Server Error"},
                                                   {502, "Bad Gateway"},
                                                   {503, "Service Unavailable"}};
    for (const auto& [status, phrase] : phrases) {
        http::Response response;
        response.status = status;
        const bool has_length = status != 204 && status != 304;
        BOOST_TEST(written(response) == "Status: " + std::to_string(status) + " " + phrase + "\r\n" +
                                            (has_length ? "Content-Length: 0\r\n\r\n" : "\r\n"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
