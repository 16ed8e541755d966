// The page's files, and signing in without a wallet.
#include "base/config.h"
#include "base/hex.h"
#include "base/hmac.h"
#include "handler_fixture.h"
#include "web_files.h"

#include <fstream>

namespace {

class PageFixture : public HandlerFixture
{
  public:
    http::Response fetch(const std::string& path, const std::string& accept_encoding = {},
                         const std::string& if_none_match = {}, const std::string& method = "GET")
    {
        auto asked = request(method, path);
        asked.accept_encoding = accept_encoding;
        asked.if_none_match = if_none_match;
        return dispatch(app, asked);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(page_tests, PageFixture)

BOOST_AUTO_TEST_CASE(every_file_is_served_as_it_is_and_compressed)
{
    BOOST_TEST(web_files().size() >= 8U);
    for (const auto& file : web_files()) {
        if (file.name == "openapi.json") // it has a path of its own
            continue;
        const auto path = "/web/" + std::string(file.name);
        BOOST_TEST_CONTEXT(path)
        {
            const auto plain = fetch(path);
            BOOST_TEST(plain.status == 200);
            BOOST_TEST((plain.body == contents_of("cgi-bin" + path)));
            BOOST_TEST(header_of(plain, "Content-Encoding").empty());
            BOOST_TEST(header_of(plain, "Vary") == "Accept-Encoding");
            BOOST_TEST(header_of(plain, "X-Content-Type-Options") == "nosniff");
            BOOST_TEST(base::to_hex(base::sha256(plain.body)).substr(0, 32) == file.etag);

            const auto compressed = fetch(path, "gzip, deflate, br");
            BOOST_TEST(header_of(compressed, "Content-Encoding") == "gzip");
            BOOST_TEST((compressed.body == file.gzip)); // of which the plain one was made
            BOOST_TEST(header_of(compressed, "ETag") != header_of(plain, "ETag"));
        }
    }
}

BOOST_AUTO_TEST_CASE(each_kind_of_file_says_what_it_is)
{
    BOOST_TEST(header_of(fetch("/"), "Content-Type") == "text/html; charset=utf-8");
    BOOST_TEST(header_of(fetch("/operator"), "Content-Type") == "text/html; charset=utf-8");
    BOOST_TEST(header_of(fetch("/web/page.css"), "Content-Type") == "text/css; charset=utf-8");
    BOOST_TEST(header_of(fetch("/web/page.js"), "Content-Type") == "text/javascript; charset=utf-8");
    BOOST_TEST(header_of(fetch("/web/icon.svg"), "Content-Type") == "image/svg+xml");
    BOOST_TEST((fetch("/").body == fetch("/web/index.html").body));
    BOOST_TEST((fetch("/operator").body == fetch("/web/operator.html").body));
}

BOOST_AUTO_TEST_CASE(scripts_and_styles_come_from_files_alone)
{
    for (const auto* path : {"/", "/operator", "/web/index.html"}) {
        const auto policy = header_of(fetch(path), "Content-Security-Policy");
        BOOST_TEST(policy.find("default-src 'none'; script-src 'self' https://download.agora.io;") == 0U);
        BOOST_TEST(policy.find("unsafe") == std::string::npos);
        BOOST_TEST(policy.find("frame-ancestors 'none'") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_coding_that_is_not_wanted_is_not_used)
{
    for (const auto* wanted : {"gzip", "br, gzip", "gzip;q=0.5", "deflate,gzip;q=1.0", "GZIP, gzip"})
        BOOST_TEST(header_of(fetch("/", wanted), "Content-Encoding") == "gzip", wanted);
    for (const auto* other : {"", "br", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "x-gzip"})
        BOOST_TEST(header_of(fetch("/", other), "Content-Encoding").empty(), other);
}

BOOST_AUTO_TEST_CASE(who_has_a_file_is_told_so)
{
    for (const auto* coding : {"", "gzip"}) {
        const auto first = fetch("/", coding);
        BOOST_TEST(header_of(first, "Cache-Control") == "no-cache");
        const auto again = fetch("/", coding, header_of(first, "ETag"));
        BOOST_TEST(again.status == 304);
        BOOST_TEST(again.body.empty());
        BOOST_TEST(header_of(again, "ETag") == header_of(first, "ETag"));
        BOOST_TEST(header_of(again, "Vary") == "Accept-Encoding");
        for (const auto* name :
             {"Content-Type", "Content-Encoding", "Content-Security-Policy", "Referrer-Policy"})
            BOOST_TEST(header_of(again, name).empty(), name);
        BOOST_TEST(fetch("/", coding, "\"another\"").status == 200);
        BOOST_TEST(fetch("/web/page.js", coding, header_of(first, "ETag")).status == 200);
    }
}

BOOST_AUTO_TEST_CASE(it_varies_by_all_that_it_depends_on)
{
    auto settings = test_config();
    settings.cors_allowed_origins = {"https://app.example"};
    HandlerFixture service(settings);
    BOOST_TEST(header_of(dispatch(service.app, request("GET", "/")), "Vary") == "Accept-Encoding, Origin");
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_not_found)
{
    for (const auto* path :
         {"/web", "/web/", "/web/nothing.js", "/web/openapi.json", "/web/..", "/web/%70age.js",
          "/web/page.js/x", "/index.html", "/page.js", "/Operator", "/web/Page.js"})
        check_refusal(get(path), 404, "not_found");
}

BOOST_AUTO_TEST_CASE(a_slash_behind_the_operators_view_leads_back_to_it)
{
    const auto reply = fetch("/operator/");
    BOOST_TEST(reply.status == 308);
    BOOST_TEST(header_of(reply, "Location") == "../operator");
}

BOOST_AUTO_TEST_CASE(other_methods_are_refused)
{
    for (const auto* path : {"/", "/operator", "/web/page.js"}) {
        const auto reply = send(request("POST", path, "{}"));
        check_refusal(reply, 405, "method_not_allowed");
        BOOST_TEST(header_of(reply, "Allow") == "GET, HEAD, OPTIONS");
        const auto head = fetch(path, "gzip", "", "HEAD");
        BOOST_TEST(head.is_head);
        BOOST_TEST((head.body == fetch(path, "gzip").body)); // measured, not sent
    }
}

BOOST_AUTO_TEST_CASE(without_the_page_there_are_no_such_paths)
{
    config.has_page = false;
    for (const auto* method : {"GET", "HEAD", "POST", "PUT", "BREW"}) {
        for (const auto* path : {"/", "/operator", "/operator/", "/web/page.js", "/web/client.js"})
            check_refusal(send(request(method, path, "{}")), 404, "not_found");
    }
}

BOOST_AUTO_TEST_CASE(whoever_tries_it_out_gets_a_wallet_on_the_spot)
{
    config.chain_mode = base::ChainMode::mock;
    const auto first = post("/auth/demo", base::Json::object()).body;
    const auto second = post("/auth/demo", base::Json::object()).body;
    BOOST_TEST(first.at("expires_in") == 3600);
    BOOST_TEST(first.at("wallet").get<std::string>().size() == 42U);
    BOOST_TEST(first.at("wallet") != second.at("wallet"));
    auto asked = request("GET", "/credits");
    asked.authorization = "Bearer " + first.at("token").get<std::string>();
    BOOST_TEST(send(asked).status == 200);
    BOOST_TEST(get("/health").body.at("demo") == true);
    BOOST_TEST(rows_stored() == 0);
}

BOOST_AUTO_TEST_CASE(elsewhere_everybody_needs_a_wallet)
{
    for (const bool production : {true, false}) {
        for (const auto mode : {base::ChainMode::rpc, base::ChainMode::mock}) {
            if (!production && mode == base::ChainMode::mock)
                continue;
            config.production = production;
            config.chain_mode = mode;
            for (const auto* method : {"POST", "GET"})
                check_refusal(send(request(method, "/auth/demo", "{}")), 404, "not_found");
            BOOST_TEST(!get("/health").body.contains("demo"));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
