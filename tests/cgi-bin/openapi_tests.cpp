#include "contract.h"
#include "handler_fixture.h"

#include <fstream>
#include <sstream>

namespace {

using Pointer = base::Json::json_pointer;

// Calls `look` with every object of the document, and where it stands.
void walk(const Pointer& place, const std::function<void(const Pointer&, const base::Json&)>& look)
{
    const auto& node = contract::document().at(place);
    if (node.is_object())
        look(place, node);
    if (!node.is_structured())
        return;
    for (const auto& part : node.items())
        walk(node.is_object() ? place / part.key() : place / std::stoul(part.key()), look);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(openapi_tests, HandlerFixture)

BOOST_AUTO_TEST_CASE(everybody_gets_the_document_as_it_stands)
{
    auto asked = request("GET", "/openapi.json");
    asked.now = now;
    const auto answer = dispatch(app, asked);
    std::ostringstream document;
    document << std::ifstream("cgi-bin/openapi.json").rdbuf();
    BOOST_TEST(answer.status == 200);
    BOOST_TEST((answer.body == document.str()));
    const auto reply = send(asked);
    BOOST_TEST(header_of(reply, "Content-Type") == "application/json");
    BOOST_TEST(header_of(reply, "Access-Control-Allow-Origin") == "*");
    BOOST_TEST(reply.body.at("openapi") == "3.1.0");
}

BOOST_AUTO_TEST_CASE(who_has_it_already_is_told_so)
{
    auto asked = request("GET", "/openapi.json");
    const auto first = send(asked);
    const auto etag = header_of(first, "ETag");
    const auto cache = header_of(first, "Cache-Control");
    BOOST_TEST(!etag.empty());
    BOOST_TEST(cache == "public, max-age=300");
    for (const auto& tags : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
        asked.if_none_match = tags;
        const auto answer = dispatch(app, asked);
        BOOST_TEST_CONTEXT(tags)
        {
            BOOST_TEST(answer.status == 304);
            BOOST_TEST(answer.body == "");
            BOOST_TEST(header_of(send(asked), "ETag") == etag);
            BOOST_TEST(header_of(send(asked), "Cache-Control") == cache);
        }
    }
    asked.if_none_match = "\"x\"";
    BOOST_TEST(send(asked).status == 200);
}

BOOST_AUTO_TEST_CASE(who_takes_gzip_gets_it_compressed)
{
    auto asked = request("GET", "/openapi.json");
    const auto plain = dispatch(app, asked);
    asked.accept_encoding = "gzip";
    const auto compressed = dispatch(app, asked);
    BOOST_TEST(header_of(compressed, "Content-Encoding") == "gzip");
    BOOST_TEST(header_of(compressed, "Content-Type") == "application/json");
    BOOST_TEST(header_of(compressed, "Vary") == "Accept-Encoding");
    BOOST_TEST(compressed.body.size() * 4 < plain.body.size());
}

// An answer has all of its fields each time, but for these.
BOOST_AUTO_TEST_CASE(what_is_required_is_described_and_what_is_answered_is_required)
{
    const std::set<std::string> optional = {"reason", "clock_differs", "demo"};
    std::size_t objects = 0;
    walk(Pointer(), [&](const Pointer& place, const base::Json& node) {
        if (!node.contains("properties") || node.value("type", base::Json()) != "object")
            return;
        ++objects;
        const auto& properties = node.at("properties");
        const auto required = node.value("required", std::set<std::string>());
        for (const auto& name : required)
            BOOST_TEST(properties.contains(name), place.to_string() << " does not describe " << name);
        const auto text = place.to_string();
        const bool is_sent_by_clients =
            text.find("/components/requestBodies") == 0 ||
            (text.find("/paths/") == 0 && text.find("/requestBody/") != std::string::npos);
        for (const auto& [name, schema] : properties.items())
            BOOST_TEST((is_sent_by_clients || required.count(name) == 1 || optional.count(name) == 1),
                       text << " does not require " << name);
    });
    BOOST_TEST(objects >= 40U);
}

BOOST_AUTO_TEST_CASE(every_example_is_what_stands_beside_it)
{
    std::size_t examples = 0;
    walk(Pointer(), [&](const Pointer& place, const base::Json& node) {
        if (!node.contains("schema") || !node.contains("example"))
            return;
        ++examples;
        const auto problem = contract::problem_at(place / "schema", node.at("example"));
        BOOST_TEST(problem == "", place.to_string() << ": the example's " << problem);
    });
    BOOST_TEST(examples >= 27U);
}

BOOST_AUTO_TEST_CASE(it_needs_no_database)
{
    HandlerFixture service(config_without_database());
    BOOST_TEST(service.get("/openapi.json").status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
