#include "fields.h"

#include "handler_fixture.h"

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

// Text that is no UUID.
const std::vector<Json> no_uuids = {"1",
                                    " ",
                                    "00000000-0000-4000-8000-00000000000",
                                    "00000000-0000-4000-8000-0000000000000",
                                    "00000000000040008000000000000000",
                                    "00000000-0000-4000-8000-00000000000g",
                                    "{00000000-0000-4000-8000-000000000000}",
                                    " 0000000-0000-4000-8000-000000000000",
                                    "00000000-0000-4000-80000-00000000000",
                                    "00000000_0000_4000_8000_000000000000",
                                    "' OR 1=1 --",
                                    "../../../../../../../../etc/passwd",
                                    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"};

// A field of an endpoint, with the rest of a body that is fine.
struct Field
{
    const char* path;
    const char* name;
    Json others;
    std::vector<Json> wrong;
};

std::vector<Json> joined(std::vector<Json> left, const std::vector<Json>& right)
{
    left.insert(left.end(), right.begin(), right.end());
    return left;
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
        {"/rooms/join", "room_id", Json::object(), joined(no_texts(), no_uuids)},
    };
    for (const auto* path : connection_paths) {
        fields.push_back({path, "room_id", {{"connection_id", unknown_id}}, joined(no_texts(), no_uuids)});
        fields.push_back({path, "connection_id", {{"room_id", unknown_id}}, joined(no_texts(), no_uuids)});
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

BOOST_AUTO_TEST_CASE(a_uuid_field_gives_a_uuid_as_it_was_written)
{
    const std::string upper = "ABCDEF00-0000-4000-8000-000000000000";
    const Json body{{"id", unknown_id}, {"upper", upper}, {"empty", ""}, {"text", "x"}};
    BOOST_TEST(uuid_field(body, "id").value() == unknown_id);
    BOOST_TEST(uuid_field(body, "upper").value() == upper);
    BOOST_TEST(!uuid_field(body, "empty"));
    BOOST_TEST(!uuid_field(body, "absent"));
    BOOST_CHECK_EXCEPTION(uuid_field(body, "text"), base::Error,
                          [](const base::Error& error) { return error.name() == "invalid text"; });
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
