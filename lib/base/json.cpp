#include "base/json.h"

#include "base/error.h"

#include <string>
#include <utility>
#include <vector>

namespace base {

namespace {

constexpr std::size_t max_depth = 32;

[[noreturn]] void refuse(const char* why)
{
    throw Error(ErrorCode::invalid_argument, "invalid_json", why);
}

// Builds the value as the library's own reader would, but refuses what that lets pass.
class StrictReader : public Json::json_sax_t
{
  public:
    Json root;

    bool null() override { return put(nullptr) != nullptr; }
    bool boolean(bool value) override { return put(value) != nullptr; }
    bool number_integer(std::int64_t value) override { return put(value) != nullptr; }
    bool number_unsigned(std::uint64_t value) override { return put(value) != nullptr; }
    bool number_float(double value, const std::string&) override { return put(value) != nullptr; }
    bool string(std::string& value) override { return put(std::move(value)) != nullptr; }
    bool binary(Json::binary_t&) override { return false; } // no JSON text has any

    bool start_object(std::size_t) override { return open(Json::value_t::object); }
    bool start_array(std::size_t) override { return open(Json::value_t::array); }
    bool key(std::string& name) override
    {
        auto& members = open_.back()->get_ref<Json::object_t&>();
        const auto [member, is_new] = members.emplace(std::move(name), nullptr);
        if (!is_new)
            refuse("a duplicate key");
        member_ = &member->second;
        return true;
    }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    // The library's message quotes the input, which may hold a secret.
    bool parse_error(std::size_t, const std::string&, const Json::exception&) override { return false; }

  private:
    Json* put(Json value)
    {
        if (open_.empty())
            return &(root = std::move(value));
        if (open_.back()->is_array())
            return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
        return &(*member_ = std::move(value));
    }
    bool open(Json::value_t type)
    {
        if (open_.size() >= max_depth)
            refuse("nested too deeply");
        open_.push_back(put(type));
        return true;
    }
    bool close()
    {
        open_.pop_back();
        return true;
    }

    std::vector<Json*> open_; // objects and arrays; each is the last element of the one before
    Json* member_ = nullptr;  // the last one named
};

} // namespace

Json parse_json(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos)
        refuse("a NUL byte");
    if (text.substr(0, 3) == "\xef\xbb\xbf")
        refuse("a byte order mark");
    StrictReader reader;
    if (!Json::sax_parse(text, &reader))
        refuse("malformed");
    return std::move(reader.root);
}

} // namespace base
