#include "base/sign_in_settings.h"

#include "base/origin.h"
#include "base/text.h"

#include <algorithm>
#include <cctype>

namespace base {

void read_sign_in_lists(const std::string& domains, const std::string& chain_ids, SignInSettings& sign_in,
                        std::vector<std::string>& problems)
{
    for (auto domain : split(domains, ", ")) {
        std::transform(domain.begin(), domain.end(), domain.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        sign_in.sign_in_domains.push_back(domain);
        // An origin without its scheme.
        if (domain.find('*') != std::string::npos || fault_of_origin("https://" + domain) != nullptr ||
            fault_of_origin("http://" + domain) != nullptr)
            problems.push_back(
                "SIGN_IN_DOMAINS must be a list of host names such as app.example.org or localhost:8080; "
                "number " +
                std::to_string(sign_in.sign_in_domains.size()) + " is none");
    }
    for (const auto& id : split(chain_ids, ", ")) {
        sign_in.sign_in_chain_ids.push_back(id);
        if (id.find_first_not_of("0123456789") != std::string::npos || id.front() == '0')
            problems.emplace_back("SIGN_IN_CHAIN_IDS must be a list of chain ids such as 1,8453");
    }
}

} // namespace base
