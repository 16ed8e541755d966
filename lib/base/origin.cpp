#include "base/origin.h"

#include "base/text.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>

namespace base {

namespace {

constexpr const char* wildcard = "*.";
constexpr const char* digits = "0123456789";
constexpr const char* of_schemes = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
constexpr const char* of_hosts = "abcdefghijklmnopqrstuvwxyz0123456789-._";

bool consists_of(const std::string& text, const char* characters)
{
    return text.find_first_not_of(characters) == std::string::npos;
}

// As inet_ntop() writes it, which is how browsers do.
bool is_address(int family, const std::string& text)
{
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    std::array<char, INET6_ADDRSTRLEN> written{};
    return ::inet_pton(family, text.c_str(), bytes.data()) == 1 &&
           ::inet_ntop(family, bytes.data(), written.data(), written.size()) == text;
}

const char* fault_of_host(const std::string& host)
{
    if (std::any_of(host.begin(), host.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        return "has a host that is not in ASCII; browsers say xn--...";
    if (std::any_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
        return "has capitals in its host; browsers write it in small letters";
    if (!host.empty() && host.front() == '[')
        return host.back() == ']' && is_address(AF_INET6, host.substr(1, host.size() - 2))
                   ? nullptr
                   : "has no IPv6 address in its shortest form between the brackets";
    if (host.find('*') != std::string::npos)
        return "may have * only as the whole first part of its host, as in https://*.example.org";
    if (!host.empty() && host.back() == '.')
        return "has a host that ends in a dot";
    if (host.empty() || !consists_of(host, of_hosts) || host.front() == '.' ||
        host.find("..") != std::string::npos)
        return "has no host name";
    const auto last_part = host.substr(host.rfind('.') + 1);
    if (consists_of(last_part, digits) && !is_address(AF_INET, host))
        return "has no whole IPv4 address";
    return nullptr;
}

const char* fault_of_port(const std::string& scheme, const std::string& port)
{
    int number = 0;
    const auto* const end_of_port = port.data() + port.size();
    const auto [end, error] = std::from_chars(port.data(), end_of_port, number);
    if (error != std::errc() || end != end_of_port || number < 1 || number > 65535 || port.front() == '0')
        return "has no port from 1 to 65535";
    if ((scheme == "http" && number == 80) || (scheme == "https" && number == 443))
        return "names the port that browsers leave out";
    return nullptr;
}

} // namespace

const char* fault_of_origin(const std::string& entry)
{
    const auto scheme_end = entry.find("://");
    if (scheme_end == std::string::npos)
        return "is not scheme://host[:port]";
    const auto scheme = entry.substr(0, scheme_end);
    if (scheme.empty() || !consists_of(scheme, of_schemes) || scheme.front() < 'a')
        return "has no scheme in small letters before ://";
    auto authority = entry.substr(scheme_end + 3);
    if (authority.find_first_of("/\\?#") != std::string::npos)
        return "goes on behind host and port";
    if (authority.find('@') != std::string::npos)
        return "names a user";

    const auto brackets_end = authority.rfind(']');
    const auto colon = authority.find(':', brackets_end == std::string::npos ? 0 : brackets_end);
    if (colon != std::string::npos) {
        if (const auto* fault = fault_of_port(scheme, authority.substr(colon + 1)))
            return fault;
        authority.resize(colon);
    }
    const bool has_wildcard = authority.starts_with(wildcard);
    if (has_wildcard)
        authority.erase(0, std::char_traits<char>::length(wildcard));
    if (has_wildcard && (authority.starts_with('[') || is_address(AF_INET, authority)))
        return "has * before an address";
    return fault_of_host(authority);
}

bool admits(const std::string& entry, const std::string& origin)
{
    const auto host_at = entry.find("://") + 3;
    if (entry.compare(host_at, 2, wildcard) != 0)
        return origin == entry;
    const auto ending = entry.substr(host_at + 1); // with the dot
    if (!origin.starts_with(entry.substr(0, host_at)) || !origin.ends_with(ending))
        return false;
    return consists_of(origin.substr(host_at, origin.size() - ending.size() - host_at), of_hosts) &&
           origin[host_at] != '.';
}

std::vector<std::string> read_origins(const std::string& written, std::vector<std::string>& problems)
{
    static const std::string form =
        "CORS_ALLOWED_ORIGINS must be * or a list of origins such as https://app.example.org";
    auto entries = split(written, ", ");
    std::size_t number = 0;
    for (const auto& entry : entries) {
        ++number;
        // Told by its place: it may hold a password.
        if (const auto* fault = entry == "*" ? nullptr : fault_of_origin(entry))
            problems.push_back(form + "; number " + std::to_string(number) + " " + fault);
    }
    if (entries.empty())
        problems.push_back(form);
    if (entries.size() > 1 && std::find(entries.begin(), entries.end(), "*") != entries.end())
        problems.push_back("CORS_ALLOWED_ORIGINS must be either * or a list, not both");
    return entries;
}

} // namespace base
