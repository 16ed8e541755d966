#include "handler_fixture.h"

#include <fstream>
#include <sstream>

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

BOOST_AUTO_TEST_CASE(it_needs_no_database)
{
    HandlerFixture service(config_without_database());
    BOOST_TEST(service.get("/openapi.json").status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
