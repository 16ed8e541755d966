#include "base/setting_forms.h"

#include "base/hex.h"

namespace base {

bool is_hex_of_length(const std::string& text, std::size_t length)
{
    return text.size() == length && from_hex(text).has_value();
}

bool is_http_url(const std::string& text)
{
    const auto host_at = text.find("://") + 3;
    return (text.starts_with("http://") || text.starts_with("https://")) && text.size() > host_at &&
           text[host_at] != '/';
}

void Problems::check_form(const char* name, const std::string& value, bool needed, bool is_well_formed,
                          const char* form)
{
    if (value.empty())
        require(!needed, std::string(name) + " is not set; it must be " + form);
    else
        require(is_well_formed, std::string(name) + " must be " + form);
}

void Problems::check_address(const char* name, const std::string& value, bool needed)
{
    check_form(name, value, needed, value.starts_with("0x") && is_hex_of_length(value.substr(2), 40),
               "an address: 0x and 40 hex digits");
}

bool Problems::is_on(const char* name, const std::string& value)
{
    require(value.empty() || value == "on" || value == "off", std::string(name) + " must be on or off");
    return value != "off";
}

} // namespace base
