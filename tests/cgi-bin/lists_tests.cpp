// The endpoints are listed in one place, cgi-bin/routes.cpp. What else has to name them is compared with it
// here, and so is what has to name the settings.
#include "base/config.h"
#include "base/json.h"
#include "contract.h"
#include "handler_fixture.h"
#include "routes.h"

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

namespace {

// The path with every ":name" as `replacement`, in which $1 is the name.
std::string with_ids(const std::string& path, const char* replacement)
{
    return std::regex_replace(path, std::regex(":([a-z_]+)"), replacement);
}

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

// What the expression's first group finds.
std::set<std::string> all_of(const std::string& text, const char* expression)
{
    const std::regex pattern(expression);
    std::set<std::string> found;
    for (std::sregex_iterator each(text.begin(), text.end(), pattern); each != std::sregex_iterator(); ++each)
        found.insert((*each)[1]);
    return found;
}

// Names what one has and the other lacks.
void check_same(const std::set<std::string>& listed, const std::set<std::string>& expected, const char* file)
{
    for (const auto& each : expected)
        BOOST_TEST(listed.count(each) == 1, file << " lacks " << each);
    for (const auto& each : listed)
        BOOST_TEST(expected.count(each) == 1, file << " has, and nothing else knows, " << each);
}

bool may_ask_the_chain(const Route& route)
{
    return (route.limits & (chain | attest)) != 0;
}

// An expression's alternatives are in no order.
std::set<std::string> alternatives_of(const std::string& expression)
{
    std::set<std::string> parts;
    std::istringstream all(expression);
    for (std::string part; std::getline(all, part, '|');)
        parts.insert(part);
    return parts;
}

std::set<std::string> paths_of(Pool pool)
{
    std::set<std::string> paths;
    for (const auto& route : all_routes())
        if (route.pool == pool)
            paths.insert(std::regex_replace(with_ids(route.path + 1, "[^/]+"), std::regex("\\."), "\\."));
    return paths;
}

} // namespace

BOOST_AUTO_TEST_SUITE(lists_tests)

BOOST_AUTO_TEST_CASE(openapi_describes_every_endpoint_and_no_other)
{
    const auto& document = contract::document();
    std::set<std::string> described; // whatever their ids are called, and by which handler
    for (const auto& [path, operations] : document.at("paths").items())
        for (const char* method : {"get", "post", "delete", "put", "patch"})
            if (operations.contains(method))
                described.insert(method + (" " + std::regex_replace(path, std::regex("\\{[a-z_]+\\}"), "*")) +
                                 ": " + operations.at(method).at("operationId").get<std::string>());
    std::set<std::string> served;
    const auto table = contents_of("cgi-bin/routes.cpp");
    const std::regex row(R"re(\{"([A-Z]+)", "([^"]+)", Access::\w+, Pool::\w+,\s+(\w+))re");
    for (std::sregex_iterator each(table.begin(), table.end(), row); each != std::sregex_iterator(); ++each)
        served.insert(lowercase((*each)[1]) + " " + with_ids((*each)[2], "*") + ": " + (*each)[3].str());
    BOOST_TEST(served.size() == all_routes().size());
    check_same(described, served, "openapi.json");
}

BOOST_AUTO_TEST_CASE(the_readme_has_a_row_for_every_endpoint_and_no_other)
{
    const auto readme = contents_of("README.md");
    const std::regex row("\\n\\| (GET|POST|DELETE|PUT|PATCH) \\|");
    const auto rows =
        std::distance(std::sregex_iterator(readme.begin(), readme.end(), row), std::sregex_iterator());
    BOOST_TEST(rows == static_cast<std::ptrdiff_t>(all_routes().size()));
    for (const auto& route : all_routes()) {
        const auto cells = "| " + std::string(route.method) + " | " + route.path + " |";
        BOOST_TEST(has(readme, cells), cells);
    }
}

BOOST_AUTO_TEST_CASE(what_may_ask_the_chain_is_in_its_pool_and_a_path_in_one_pool)
{
    std::map<std::string, Pool> pools;
    for (const auto& route : all_routes()) {
        BOOST_TEST((route.pool == Pool::chain) == may_ask_the_chain(route), route.path);
        BOOST_TEST((pools.emplace(route.path, route.pool).first->second == route.pool), route.path);
    }
}

BOOST_AUTO_TEST_CASE(the_web_servers_send_each_path_to_its_pool)
{
    for (const char* file : {"lighttpd.conf", "deploy/lighttpd.conf", "deploy/lighttpd-prefix.conf",
                             "deploy/nginx.conf", "deploy/nginx-prefix.conf", "deploy/nginx-tls.conf",
                             "deploy/apache.conf", "deploy/apache-prefix.conf", "deploy/apache-tls.conf"}) {
        // Each expression with the next socket after it; what has no expression before it is for all other
        // paths.
        const std::regex part(R"re((?:\^/(?:voice/)?\((?:\?:)?(.*)\)/\?\$|/(read|disk|chain)\.sock))re");
        const auto text = contents_of(file);
        std::map<std::string, std::string> listed; // by pool
        std::string expression;
        for (std::sregex_iterator each(text.begin(), text.end(), part); each != std::sregex_iterator();
             ++each) {
            if ((*each)[1].matched) {
                expression = (*each)[1];
                continue;
            }
            BOOST_TEST(listed.emplace((*each)[2], expression).second, file << " has twice " << (*each)[2]);
            expression.clear();
        }
        BOOST_TEST(listed.size() == 3U, file);
        check_same(alternatives_of(listed["read"]), paths_of(Pool::read), file);
        check_same(alternatives_of(listed["chain"]), paths_of(Pool::chain), file);
        BOOST_TEST(listed["disk"] == "", file);
    }
}

// Floods and fuzzers take their lists from openapi.json and from routes.cpp. To what is read town.cpp comes
// by itself.
BOOST_AUTO_TEST_CASE(faults_meet_every_endpoint_that_writes)
{
    const auto faults = contents_of("tests/faults/town.cpp");
    for (const auto& route : all_routes()) {
        const auto name = std::string(route.method) + " " + route.path;
        if (!name.starts_with("GET "))
            BOOST_TEST((has(faults, "\"" + name + "\"") || has(faults, "\"" + name + " of ")),
                       "town.cpp: " << name);
    }
}

BOOST_AUTO_TEST_CASE(the_manual_knows_every_setting_and_no_other)
{
    const auto names = all_of(contents_of("lib/base/config.cpp"), "\\{\"([A-Z_]+)\", &");
    BOOST_TEST(names.size() > 40);
    std::set<std::string> described;
    for (const auto& item : all_of(contents_of("deploy/man/session-voice.env.5"), "\n\\.It ([A-Z_ ,]{3,})"))
        described.merge(all_of(item, "([A-Z_]{3,})"));
    check_same(described, names, "session-voice.env.5");
    check_same(all_of(contents_of("tests/base/config_tests.cpp"), "\\n    \\{\"([A-Z_]+)\", -?[0-9]"),
               all_of(contents_of("lib/base/config.cpp"), "\\{\"([A-Z_]+)\", &[a-z_.]+,\\s+[0-9]"),
               "config_tests.cpp");
    const auto tested = contents_of("tests/base/config_tests.cpp");
    for (const auto& name : names)
        BOOST_TEST(has(tested, "\"" + name + "\""), "config_tests.cpp: " << name);
}

BOOST_AUTO_TEST_CASE(the_manual_says_of_every_setting_that_a_program_can_do_without_what_it_is_then)
{
    const auto page = contents_of("deploy/man/session-voice.env.5");
    const std::regex item("\n\\.It ([A-Z_]{3,})|\n\\.Ss (.*)|\nDefault: (.*)\\.|\n\\.El");
    std::string section, setting;
    for (std::sregex_iterator each(page.begin(), page.end(), item); each != std::sregex_iterator(); ++each) {
        if ((*each)[3].matched) {
            setting.clear();
            continue;
        }
        BOOST_TEST((setting.empty() || section == "Required"), "no default: " << setting);
        setting = (*each)[1];
        if ((*each)[2].matched)
            section = (*each)[2];
    }
}

// A client that is told of a field finds it in the types, too.
BOOST_AUTO_TEST_CASE(the_client_librarys_types_have_the_documents_fields)
{
    const auto types = contents_of("cgi-bin/web/client.d.ts");
    const auto& schemas = contract::document().at("components").at("schemas");
    const std::regex interface("\nexport interface (\\w+) \\{\n([^}]*)\n\\}");
    std::size_t compared = 0;
    for (std::sregex_iterator each(types.begin(), types.end(), interface); each != std::sregex_iterator();
         ++each) {
        const std::string name = (*each)[1];
        std::set<std::string> described;
        if (name == "NewRoom") {
            for (const auto& field : contract::request_fields())
                if (field.route->path == std::string("/rooms/create"))
                    described.insert(field.name);
        } else if (schemas.contains(name) && name != "Seat") { // which the library makes of two answers
            for (const auto& [property, schema] : schemas.at(name).at("properties").items())
                described.insert(property);
        } else {
            continue; // the library's own, or what several answers have in common
        }
        check_same(all_of("\n" + (*each)[2].str(), "\n    (\\w+)\\??:"), described,
                   ("client.d.ts, " + name).c_str());
        ++compared;
    }
    const std::regex part("\nexport type (\\w+) = Pick<\\w+, ([^>]*)>");
    for (std::sregex_iterator each(types.begin(), types.end(), part); each != std::sregex_iterator();
         ++each) {
        std::set<std::string> described;
        for (const auto& [property, schema] : schemas.at((*each)[1]).at("properties").items())
            described.insert(property);
        check_same(all_of((*each)[2], "'(\\w+)'"), described, ("client.d.ts, " + (*each)[1].str()).c_str());
        ++compared;
    }
    BOOST_TEST(compared >= 7U);
}

BOOST_AUTO_TEST_CASE(the_page_lets_nobody_type_more_than_a_field_takes_and_has_words_for_its_refusal)
{
    std::map<std::string, std::string> longest; // by the field's name, as the page says it
    for (const auto& field : contract::request_fields())
        longest[field.name] = field.schema.contains("maxLength")
                                  ? " maxlength=\"" + field.schema.at("maxLength").dump() + "\""
                                  : "";
    const auto texts = contents_of("cgi-bin/web/texts.js");
    std::set<std::string> typed;
    for (const auto* file : {"cgi-bin/web/index.html", "cgi-bin/web/operator.html"}) {
        const auto page = contents_of(file);
        const std::regex input("<input name=\"(\\w+)\"[^>]*>");
        for (std::sregex_iterator each(page.begin(), page.end(), input); each != std::sregex_iterator();
             ++each) {
            const std::string name = (*each)[1];
            if (longest.count(name) == 0)
                continue; // of no request's body
            typed.insert(name);
            BOOST_TEST(has((*each)[0], longest.at(name)), file << ": " << (*each)[0]);
            if (file ==
                std::string("cgi-bin/web/index.html")) // the operator's view shows the error's own name
                BOOST_TEST(has(texts, "'invalid " + name + "':"), "texts.js: invalid " << name);
        }
    }
    BOOST_TEST(typed.count("title") == 1);
    BOOST_TEST(typed.count("reason") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
