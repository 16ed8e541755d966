#include "base/json.h"

#include "base/error.h"

#include <set>
#include <string>
#include <vector>

namespace base {

namespace {

constexpr int max_depth = 32;

[[noreturn]] void refuse(const char* why)
{
    throw Error(ErrorCode::invalid_argument, "invalid_json", why);
}

} // namespace

Json parse_json(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos)
        refuse("a NUL byte");
    if (text.substr(0, 3) == "\xef\xbb\xbf")
        refuse("a byte order mark");

    std::vector<std::set<std::string>> keys_of_open_objects;
    const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        switch (event) {
        case Event::object_start:
        case Event::array_start:
            if (depth >= max_depth)
                refuse("nested too deeply");
            if (event == Event::object_start)
                keys_of_open_objects.emplace_back();
            break;
        case Event::object_end:
            keys_of_open_objects.pop_back();
            break;
        case Event::key:
            if (!keys_of_open_objects.back().insert(parsed.get_ref<const std::string&>()).second)
                refuse("a duplicate key");
            break;
        case Event::array_end:
        case Event::value:
            break;
        }
        return true;
    };
    try {
        return Json::parse(text, check);
    } catch (const Json::exception&) {
        // The library's message quotes the input, which may hold a secret.
        refuse("malformed");
    }
}

} // namespace base
