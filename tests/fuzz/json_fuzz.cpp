// JSON from outside: what is accepted is JSON and survives being written and read again; what is refused is
// refused for one of the reasons that the header names.
#include "base/json.h"
#include "fuzz.h"

#include <set>
#include <vector>

namespace {

// Finds by itself why a text that the library accepts is to be refused.
class Strictness : public base::Json::json_sax_t
{
  public:
    bool is_strict = true;

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(std::int64_t) override { return true; }
    bool number_unsigned(std::uint64_t) override { return true; }
    bool number_float(double, const std::string&) override { return true; }
    bool string(std::string&) override { return true; }
    bool binary(base::Json::binary_t&) override { return true; }
    bool start_object(std::size_t) override { return open(); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(); }
    bool end_array() override { return close(); }
    bool key(std::string& name) override
    {
        is_strict = is_strict && keys_.back().insert(name).second;
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const base::Json::exception&) override { return false; }

  private:
    bool open()
    {
        keys_.emplace_back();
        is_strict = is_strict && keys_.size() <= 32;
        return true;
    }
    bool close()
    {
        keys_.pop_back();
        return true;
    }

    std::vector<std::set<std::string>> keys_; // of the objects and arrays that are open
};

bool is_strict(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos || text.substr(0, 3) == "\xef\xbb\xbf")
        return false;
    Strictness strictness;
    return base::Json::sax_parse(text, &strictness) && strictness.is_strict;
}

} // namespace

FUZZ_TARGET(json)
{
    base::Json parsed;
    const bool is_accepted =
        fuzz::accepts(base::ErrorCode::invalid_argument, [&] { parsed = base::parse_json(bytes); });
    fuzz::require(is_accepted == is_strict(bytes), "accepted what is no strict JSON, or refused what is");
    if (!is_accepted)
        return;
    const auto text = parsed.dump(); // throws, were a string not UTF-8
    fuzz::require(base::parse_json(text) == parsed, "written and read again it is another");
}
