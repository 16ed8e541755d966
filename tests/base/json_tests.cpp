#include "base/json.h"

#include "fixture.h"

namespace {

std::string nested(std::size_t levels, const std::string& open, const std::string& close)
{
    std::string text;
    for (std::size_t i = 0; i < levels; ++i)
        text += open;
    for (std::size_t i = 0; i < levels; ++i)
        text += close;
    return text;
}

bool is_accepted(std::string_view text)
{
    try {
        base::parse_json(text);
        return true;
    } catch (const base::Error& error) {
        BOOST_TEST((error.code() == base::ErrorCode::invalid_argument));
        BOOST_TEST(error.name() == "invalid_json");
        return false;
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_tests)

BOOST_AUTO_TEST_CASE(well_formed_texts_are_read)
{
    const struct
    {
        const char* text;
        base::Json value;
    } table[] = {
        {"{}", base::Json::object()},
        {"[]", base::Json::array()},
        {" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", {{"a", {1, 2}}}},
        {"null", nullptr},
        {"true", true},
        {"0", 0},
        {"-0.5e-3", -0.0005},
        {"9007199254740993", 9007199254740993},
        {"18446744073709551615", 18446744073709551615u},
        {"1e308", 1e308},
        {"\"\"", ""},
        {R"("\u0041\ud83d\ude00\n\/")", "A\xf0\x9f\x98\x80\n/"},
        {"\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80"},
        {R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})",
         {{"a", {{"a", {{"a", 1}}}}}, {"b", {{{"a", 1}}, {{"a", 2}}}}}},
        {R"({"a":1,"A":2,"":3})", {{"a", 1}, {"A", 2}, {"", 3}}},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.text)
        {
            BOOST_TEST((base::parse_json(row.text) == row.value));
        }
    }
}

BOOST_AUTO_TEST_CASE(malformed_texts_are_refused)
{
    const std::string texts[] = {
        "",
        " ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "\"",
        "\"abc",
        "{\"a\":1}}",
        "[1]]",
        "{}{}",
        "{} {}",
        "{},",
        "{}x",
        "{}#",
        "1 2",
        "nulll",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "--1",
        "[1,]",
        "[,1]",
        "[1,,2]",
        "{,}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{null:1}",
        "[1 2]",
        "// x\n{}",
        "/* x */{}",
        "{}// x",
        "{/**/}",
        "'a'",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x01\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\",
        "\"\\a\"",
        "<html></html>",
        "\v{}",
        "\f{}",
        "\xc2\xa0{}",
    };
    for (const auto& text : texts)
        BOOST_TEST(!is_accepted(text), "accepted: " << text);
}

// The parser below us would take the last one, without a word.
BOOST_AUTO_TEST_CASE(duplicate_keys_are_refused_at_every_level)
{
    const char* texts[] = {
        R"({"a":1,"a":1})",
        R"({"a":1,"b":2,"a":3})",
        R"({"a":{"b":1,"b":2}})",
        R"({"a":[{"x":0},{"b":1,"c":{},"b":2}]})",
        R"([[{"a":{"b":{"c":1,"d":2,"c":3}}}]])",
        R"({"a":{"a":1},"a":2})",
        R"({"a":1,"b":{"a":1},"a":2})",
        R"({"a":1,"\u0061":2})", // the same key in another spelling
        R"({"":1,"":2})",
    };
    for (const auto* text : texts)
        BOOST_TEST(!is_accepted(text), "accepted: " << text);
}

BOOST_AUTO_TEST_CASE(thirty_two_levels_are_accepted_and_one_more_is_not)
{
    BOOST_TEST(is_accepted(nested(32, "[", "]")));
    BOOST_TEST(!is_accepted(nested(33, "[", "]")));
    BOOST_TEST(is_accepted(nested(31, "{\"a\":", "}").insert(31 * 5, "{}")));
    BOOST_TEST(!is_accepted(nested(32, "{\"a\":", "}").insert(32 * 5, "{}")));
    BOOST_TEST(is_accepted(nested(16, "[{\"a\":", "}]").insert(16 * 6, "1")));
    BOOST_TEST(!is_accepted(nested(16, "[{\"a\":", "}]").insert(16 * 6, "[]")));
    // Breadth is not depth.
    std::string wide = "[[]";
    for (int i = 0; i < 100; ++i)
        wide += ",[{}]";
    BOOST_TEST(is_accepted(wide + "]"));
}

// Whoever builds the tree first and looks at it afterwards runs out of stack here.
BOOST_AUTO_TEST_CASE(a_million_levels_are_refused_and_not_run_into)
{
    BOOST_TEST(!is_accepted(std::string(1000000, '[')));
    BOOST_TEST(!is_accepted(nested(100000, "{\"a\":[", "]}")));
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_and_other_encodings_are_refused)
{
    BOOST_TEST(!is_accepted("\xef\xbb\xbf{}"));
    BOOST_TEST(!is_accepted("\xef\xbb\xbf"));
    BOOST_TEST(!is_accepted("\xef\xbb{}"));
    BOOST_TEST(!is_accepted(std::string("\xff\xfe{\0}\0", 6)));
    BOOST_TEST(!is_accepted(std::string("\0{\0}", 4)));
}

BOOST_AUTO_TEST_CASE(a_nul_byte_is_refused_wherever_it_stands)
{
    const std::string good = R"({"a":"b"})";
    for (std::size_t at = 0; at <= good.size(); ++at) {
        auto text = good;
        text.insert(at, 1, '\0');
        BOOST_TEST(!is_accepted(text), "NUL at " << at);
    }
}

BOOST_AUTO_TEST_CASE(invalid_utf_8_is_refused)
{
    const std::string wrong[] = {
        "\xff",             // no such byte
        "\x80",             // nothing to continue
        "\xc3",             // cut off
        "\xe2\x82",         // cut off
        "\xf0\x9f\x98",     // cut off
        "\xc0\xaf",         // overlong
        "\xe0\x80\xaf",     // overlong
        "\xf0\x80\x80\xaf", // overlong
        "\xed\xa0\x80",     // a surrogate
        "\xed\xbf\xbf",     // a surrogate
        "\xf4\x90\x80\x80", // over U+10FFFF
        "\xf8\x88\x80\x80\x80",
    };
    for (const auto& bytes : wrong) {
        BOOST_TEST(!is_accepted("\"" + bytes + "\""), "accepted a text of " << bytes.size() << " bytes");
        BOOST_TEST(!is_accepted("{\"" + bytes + "\":1}"));
        BOOST_TEST(!is_accepted("{}" + bytes));
    }
}

BOOST_AUTO_TEST_CASE(lone_surrogates_are_refused)
{
    for (const auto* text : {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\ud800")",
                             R"("\udc00\ud800")", R"("\ud800\u0041")", R"("\uDBFF\n")", R"({"\ud800":1})"})
        BOOST_TEST(!is_accepted(text), "accepted: " << text);
}

BOOST_AUTO_TEST_CASE(numbers_that_overflow_a_double_are_refused)
{
    for (const auto* text : {"1e400", "-1e400", "[1e309]", "{\"exp\":1e400}"})
        BOOST_TEST(!is_accepted(text), "accepted: " << text);
    BOOST_TEST(!is_accepted("1" + std::string(400, '0')));
    // An underflow is a 0 and harms nobody.
    BOOST_TEST(is_accepted("1e-400"));
}

// The parser's own message would quote it, and the log would keep it.
BOOST_AUTO_TEST_CASE(no_message_quotes_the_input)
{
    for (const std::string text : {"{\"hunter2\":1,\"hunter2\":2}", "hunter2", "{\"a\":hunter2}",
                                   "\"hunter2\xff\"", "{\"a\":\"hunter2\" 7}", "\xef\xbb\xbfhunter2"}) {
        try {
            base::parse_json(text);
            BOOST_ERROR("accepted: " + text);
        } catch (const base::Error& error) {
            BOOST_TEST(std::string(error.what()).find("hunter2") == std::string::npos, error.what());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
