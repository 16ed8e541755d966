// What settings must look like, and what is said of those that do not.
#pragma once

#include <string>
#include <vector>

namespace base {

bool is_hex_of_length(const std::string& text, std::size_t length);
bool is_http_url(const std::string& text);

// One line for each wrong setting, none of which quotes a secret.
class Problems
{
  public:
    void require(bool holds, const std::string& otherwise)
    {
        if (!holds)
            lines.push_back(otherwise);
    }
    // A setting that may be absent unless it is `needed`, but never wrong.
    void check_form(const char* name, const std::string& value, bool needed, bool is_well_formed,
                    const char* form);
    void check_address(const char* name, const std::string& value, bool needed);
    // Of "on" or "off"; on if it is absent.
    bool is_on(const char* name, const std::string& value);

    std::vector<std::string> lines;
};

} // namespace base
