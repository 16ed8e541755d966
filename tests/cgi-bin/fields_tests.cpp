#include "fields.h"

#include "contract.h"
#include "handler_fixture.h"

#include <algorithm>
#include <limits>
#include <regex>

namespace {

using base::Json;

const std::vector<Json> numbers_and_containers = {
    0, 1, -1, 1.5, 1e300, Json::array(), Json::object(), Json::array({"a"}), {{"a", "b"}}};

// Everything but text (null counts as absent).
std::vector<Json> no_texts()
{
    auto values = numbers_and_containers;
    values.push_back(true);
    values.push_back(false);
    return values;
}

// Everything but true and false.
std::vector<Json> no_bools()
{
    auto values = numbers_and_containers;
    values.push_back("true");
    values.push_back("x");
    return values;
}

// Everything but an integer from 2 to 6.
std::vector<Json> no_capacities()
{
    auto values = no_bools();
    values.erase(std::remove_if(values.begin(), values.end(), [](const Json& value) { return value == ""; }),
                 values.end());
    for (const Json& value :
         {Json(7), Json(-2), Json("4"), Json(4.0), Json(2.5), Json(1e18),
          Json(std::numeric_limits<std::int64_t>::min()), Json(std::numeric_limits<std::uint64_t>::max()),
          Json((std::uint64_t{1} << 32) + 4), Json(true), Json(false)})
        values.push_back(value);
    return values;
}

std::string repeated(const std::string& text, int times)
{
    std::string all;
    for (int i = 0; i < times; ++i)
        all += text;
    return all;
}

// What no line of at most 80 characters may be.
std::vector<Json> no_titles()
{
    auto values = no_texts();
    for (const auto& text : {std::string(81, 'x'),          repeated("\xf0\x9f\x8e\x99", 81),
                             std::string("a\nb"),           std::string("a\tb"),
                             std::string("a\0b", 3),        std::string("\x1b[31mred"),
                             std::string("\x7f"),           std::string("\xc2\x80"),
                             std::string("a\xc2\x9f"),      std::string("\xe2\x80\xa8"),
                             std::string("a\xe2\x80\xae"),  std::string("\xe2\x81\xa6z"),
                             std::string("\u200b"),         std::string("\u3164"),
                             std::string("\u2800"),         std::string("\u00a0"),
                             std::string("\u3000 \u2003"),  std::string("Offi\u200bcial"),
                             std::string("\u200fx"),        std::string("x\u00ad"),
                             std::string("\ue000"),         std::string("a\U000e0041"),
                             std::string("a\ufdd0"),        std::string("a\U0010ffff"),
                             std::string("a\u0378"),        std::string("Offi\u200dcial"),
                             std::string("Offi\u200ccial"), std::string("Offi\ufe0fcial")})
        values.emplace_back(text);
    return values;
}

// A field of an endpoint, with the rest of a body that is fine.
struct Field
{
    const char* path;
    const char* name;
    Json others;
    std::vector<Json> wrong;
};

// On either side of each bound that the document states, and far beyond what any field may be.
std::vector<Json> values_that_tell(const Json& schema)
{
    std::vector<Json> values = {true,           1.5, "x", std::string(10000, 'x'), Json::array(),
                                Json::object(), 0,   -1,  std::int64_t{1} << 53,   -(std::int64_t{1} << 53)};
    for (const auto* bound : {"minLength", "maxLength"})
        if (schema.contains(bound))
            for (const std::size_t by : {0U, 1U})
                values.emplace_back(std::string(schema.at(bound).get<std::size_t>() + by, 'x'));
    for (const auto* bound : {"minimum", "maximum"})
        if (schema.contains(bound))
            for (const int by : {-1, 0, 1})
                values.emplace_back(schema.at(bound).get<std::int64_t>() + by);
    return values;
}

std::vector<Field> all_fields()
{
    std::vector<Field> fields = {
        {"/auth/nonce", "wallet", Json::object(), no_texts()},
        {"/auth/verify", "wallet", {{"signature", "0x"}, {"nonce", "00"}}, no_texts()},
        {"/auth/verify", "signature", {{"wallet", AppFixture::address(1)}, {"nonce", "00"}}, no_texts()},
        {"/auth/verify", "nonce", {{"wallet", AppFixture::address(1)}, {"signature", "0x"}}, no_texts()},
        {"/rooms/create", "visibility", Json::object(), no_texts()},
        {"/rooms/create", "ai_enabled", Json::object(), no_bools()},
        {"/rooms/create", "title", Json::object(), no_titles()},
        {"/rooms/create", "capacity", Json::object(), no_capacities()},
        {"/rooms/join", "room_id", Json::object(), no_texts()},
    };
    for (const auto* path : connection_paths) {
        fields.push_back({path, "room_id", {{"connection_id", unknown_id}}, no_texts()});
        fields.push_back({path, "connection_id", {{"room_id", unknown_id}}, no_texts()});
    }
    return fields;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(fields_tests, HandlerFixture)

BOOST_AUTO_TEST_CASE(a_field_of_the_wrong_type_or_shape_is_refused_by_its_name)
{
    for (const auto& field : all_fields()) {
        for (const auto& value : field.wrong) {
            auto body = field.others;
            body[field.name] = value;
            BOOST_TEST_CONTEXT(field.path << " " << body.dump())
            check_refusal(post(field.path, body, named(1)), 400, std::string("invalid ") + field.name);
        }
    }
    BOOST_TEST(rows_stored() == 0);
    BOOST_TEST(chain.questions == 0);
}

// What is refused for its form is what openapi.json tells clients not to send, and nothing else.
BOOST_AUTO_TEST_CASE(the_bounds_of_every_field_are_those_that_the_document_states)
{
    for (const auto& field : contract::request_fields()) {
        // Agora sends what it likes, and a message has a grammar of its own.
        if (field.route->access == Access::agora || field.name == "message")
            continue;
        const auto path = std::regex_replace(field.route->path, std::regex(":wallet"), address(2));
        const auto refuses = [&](const Json& value) {
            auto body = field.body;
            body[field.name] = value;
            const auto reply = send(signed_in(request(field.route->method, path, body.dump()), named(1)));
            return reply.status == 400 && reply.body.value("error", "") == "invalid " + field.name;
        };
        for (const auto& value : values_that_tell(field.schema))
            BOOST_TEST(refuses(value) != contract::is_allowed(field, value),
                       path << ": " << field.name << ": " << value.dump().substr(0, 300));
        if (field.schema.contains("maxLength")) // what people write is shown to others, as one line
            for (const auto* text : {"a\nb", "\u202e", "\u200b"})
                BOOST_TEST(refuses(text), path << ": " << field.name << ": " << text);
    }
}

BOOST_AUTO_TEST_CASE(null_and_empty_text_count_as_absent)
{
    for (const auto& field : all_fields()) {
        const bool is_optional = std::string(field.path) == "/rooms/create";
        const auto without = is_optional ? Reply() : post(field.path, field.others, named(1));
        for (const Json& value : {Json(), Json("")}) {
            const bool is_bool = std::string(field.name) == "ai_enabled";
            if (is_optional || (is_bool && value == ""))
                continue;
            auto body = field.others;
            body[field.name] = value;
            BOOST_TEST_CONTEXT(field.path << " " << body.dump())
            {
                const auto reply = post(field.path, body, named(1));
                BOOST_TEST(reply.status == 400);
                BOOST_TEST(reply.body.value("error", "").substr(0, 8) == "missing ");
                BOOST_TEST(reply.body.dump() == without.body.dump());
            }
        }
    }
    // The optional ones then have their defaults.
    const auto reply = post("/rooms/create", {{"visibility", nullptr}, {"ai_enabled", nullptr}}, named(1));
    BOOST_TEST(reply.body.at("visibility") == "open");
    BOOST_TEST(query("SELECT ai_enabled FROM rooms") == 0);
    BOOST_TEST(post("/rooms/create", {{"visibility", ""}}, named(2)).body.at("visibility") == "open");
    require_clean_audit();
}

// One that is missing and one that is wrong: either complaint would do, but not success.
BOOST_AUTO_TEST_CASE(the_wrong_type_of_one_field_does_not_hide_behind_a_missing_one)
{
    check_refusal(post("/auth/verify", {{"wallet", 5}}), 400, "invalid wallet");
    check_refusal(post("/rooms/leave", {{"connection_id", 5}}, address(1)), 400, "invalid connection_id");
}

BOOST_AUTO_TEST_CASE(a_text_field_gives_its_text)
{
    const Json body{{"a", "x"}, {"empty", ""}, {"null", nullptr}, {"number", 1}};
    BOOST_TEST(text_field(body, "a").value() == "x");
    BOOST_TEST(!text_field(body, "empty"));
    BOOST_TEST(!text_field(body, "null"));
    BOOST_TEST(!text_field(body, "absent"));
    BOOST_TEST(!text_field(Json::object(), "a"));
    BOOST_CHECK_EXCEPTION(text_field(body, "number"), base::Error, [](const base::Error& error) {
        return error.code() == base::ErrorCode::invalid_argument && error.name() == "invalid number";
    });
}

BOOST_AUTO_TEST_CASE(a_bool_field_gives_its_truth_value)
{
    const Json body{{"yes", true}, {"no", false}, {"null", nullptr}, {"one", 1}, {"text", "true"}};
    BOOST_TEST(bool_field(body, "yes").value());
    BOOST_TEST(!bool_field(body, "no").value());
    BOOST_TEST(!bool_field(body, "null"));
    BOOST_TEST(!bool_field(body, "absent"));
    for (const auto* name : {"one", "text"}) {
        BOOST_CHECK_EXCEPTION(bool_field(body, name), base::Error, [&](const base::Error& error) {
            return error.name() == std::string("invalid ") + name;
        });
    }
}

BOOST_AUTO_TEST_CASE(an_id_field_gives_any_text_and_a_uuid_in_small_letters)
{
    const Json body{{"id", unknown_id},
                    {"upper", "ABCDEF00-0000-4000-8000-000000000000"},
                    {"empty", ""},
                    {"text", "x"},
                    {"number", 5}};
    BOOST_TEST(id_field(body, "id").value() == unknown_id);
    BOOST_TEST(id_field(body, "upper").value() == "abcdef00-0000-4000-8000-000000000000");
    BOOST_TEST(id_field(body, "text").value() == "x");
    BOOST_TEST(!id_field(body, "empty"));
    BOOST_TEST(!id_field(body, "absent"));
    BOOST_CHECK_EXCEPTION(id_field(body, "number"), base::Error,
                          [](const base::Error& error) { return error.name() == "invalid number"; });
}

BOOST_AUTO_TEST_CASE(an_integer_field_gives_a_number_within_its_bounds)
{
    const Json body{{"low", 2}, {"high", 6}, {"null", nullptr}, {"under", 1}, {"over", 7}, {"point", 3.0}};
    BOOST_TEST(integer_field(body, "low", 2, 6).value() == 2);
    BOOST_TEST(integer_field(body, "high", 2, 6).value() == 6);
    BOOST_TEST(!integer_field(body, "null", 2, 6));
    BOOST_TEST(!integer_field(body, "absent", 2, 6));
    for (const auto* name : {"under", "over", "point"}) {
        BOOST_CHECK_EXCEPTION(integer_field(body, name, 2, 6), base::Error, [&](const base::Error& error) {
            return error.name() == std::string("invalid ") + name;
        });
    }
}

// A character is what Unicode calls one, however many bytes it takes.
BOOST_AUTO_TEST_CASE(a_line_field_counts_characters_and_drops_the_blanks_around)
{
    const auto line = [](const Json& text) { return line_field({{"line", text}}, "line", 80); };
    BOOST_TEST(line("  late night \t\r\n").value() == "late night");
    BOOST_TEST(line("a  b").value() == "a  b");
    BOOST_TEST(line("\n " + std::string(80, 'x') + " \n").value() == std::string(80, 'x'));
    for (const auto* character : {"x", "\xc3\xa4", "\xc3\x80", "\xe2\x82\xac", "\xf0\x9f\x8e\x99"})
        BOOST_TEST(line(repeated(character, 80)).value() == repeated(character, 80));
    for (const Json& none : {Json(), Json(""), Json("   "), Json(" \t\r\n ")})
        BOOST_TEST(!line(none));
    for (const auto& wrong : no_titles()) {
        BOOST_TEST_CONTEXT(wrong.dump())
        BOOST_CHECK_EXCEPTION(line(wrong), base::Error, [](const base::Error& error) {
            return error.code() == base::ErrorCode::invalid_argument && error.name() == "invalid line";
        });
    }
}

BOOST_AUTO_TEST_CASE(a_query_parameter_gives_what_stands_behind_its_name)
{
    const std::pair<const char*, std::optional<std::string>> table[] = {
        {"", std::nullopt},         {"limit", std::nullopt},   {"limit=", ""},
        {"limit=5", "5"},           {"a=b&limit=5", "5"},      {"limit=5&a=b", "5"},
        {"limit=5&limit=6", "5"},   {"&&limit=5&", "5"},       {"limit&limit=5", "5"},
        {"limit=a=b", "a=b"},       {"limit=%35", "%35"},      {"xlimit=5", std::nullopt},
        {"limits=5", std::nullopt}, {"Limit=5", std::nullopt}, {"a=limit=5", std::nullopt},
        {"=5", std::nullopt},
    };
    for (const auto& [query, value] : table) {
        BOOST_TEST_CONTEXT(query)
        BOOST_TEST((query_parameter(query, "limit") == value));
    }
}

BOOST_AUTO_TEST_CASE(an_integer_parameter_is_digits_within_its_bounds)
{
    BOOST_TEST(!integer_parameter("a=b", "limit", 1, 200));
    BOOST_TEST(integer_parameter("limit=1", "limit", 1, 200).value() == 1);
    BOOST_TEST(integer_parameter("limit=200", "limit", 1, 200).value() == 200);
    for (const auto* wrong : {"", "0", "201", "-1", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "%31", "a",
                              "18446744073709551617", "99999999999999999999"}) {
        BOOST_TEST_CONTEXT("'" << wrong << "'")
        BOOST_CHECK_EXCEPTION(integer_parameter("limit=" + std::string(wrong), "limit", 1, 200), base::Error,
                              [](const base::Error& error) { return error.name() == "invalid limit"; });
    }
}

BOOST_AUTO_TEST_CASE(what_is_required_is_asked_for_in_the_given_words)
{
    BOOST_CHECK_NO_THROW(require_fields(true, "missing room_id"));
    BOOST_CHECK_EXCEPTION(
        require_fields(false, "missing room_id"), base::Error, [](const base::Error& error) {
            return error.code() == base::ErrorCode::invalid_argument && error.name() == "missing room_id";
        });
}

BOOST_AUTO_TEST_SUITE_END()
