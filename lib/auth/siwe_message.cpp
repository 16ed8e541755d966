#include "auth/siwe_message.h"

#include "base/rfc3339.h"
#include "base/uri.h"
#include "ethereum/address.h"

#include <algorithm>

namespace auth {

namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters_and_digits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
// reserved / unreserved / " " of the EIP's statement
constexpr std::string_view statement_characters =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~:/?#[]@!$&'()*+,;= ";

constexpr std::size_t least_nonce_characters = 8;

bool consists_of(std::string_view text, std::string_view characters)
{
    return text.find_first_not_of(characters) == std::string_view::npos;
}

std::string in_lowercase(std::string_view text)
{
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

// The lines of a message, one after the other.
class Lines
{
  public:
    explicit Lines(std::string_view text) : left_(text) {}

    bool is_at_end() const { return !has_line_; }

    // Nothing at the end.
    std::optional<std::string_view> next()
    {
        if (!has_line_)
            return std::nullopt;
        const auto end = left_.find('\n');
        const auto line = left_.substr(0, end);
        has_line_ = end != std::string_view::npos;
        left_.remove_prefix(has_line_ ? end + 1 : left_.size());
        return line;
    }

    // What follows the label in the next line, if that begins with it. Otherwise that line is still the next.
    std::optional<std::string_view> next_field(std::string_view label)
    {
        if (!has_line_ || left_.substr(0, label.size()) != label)
            return std::nullopt;
        auto line = next();
        line->remove_prefix(label.size());
        return line;
    }

  private:
    std::string_view left_;
    bool has_line_ = true; // also an empty last one
};

// [ scheme "://" ] domain " wants you to sign in with your Ethereum account:"
bool read_domain(Lines& lines, SiweMessage& message)
{
    constexpr std::string_view rest_of_line = " wants you to sign in with your Ethereum account:";
    auto line = lines.next();
    if (!line || !line->ends_with(rest_of_line))
        return false;
    line->remove_suffix(rest_of_line.size());
    if (const auto end = line->find("://"); end != std::string_view::npos) {
        if (!base::is_uri_scheme(line->substr(0, end)))
            return false;
        line->remove_prefix(end + 3);
    }
    const auto host = base::host_of_authority(*line);
    if (!host || host->empty())
        return false;
    message.domain = in_lowercase(*line);
    return true;
}

// `spelling` is then the address as it is written.
bool read_address(Lines& lines, SiweMessage& message, std::string_view& spelling)
{
    spelling = lines.next().value_or("");
    auto wallet = ethereum::parse_address(spelling);
    if (wallet)
        message.wallet = *std::move(wallet);
    return !message.wallet.empty();
}

// LF [ statement LF ] LF
bool read_statement(Lines& lines)
{
    if (lines.next() != "")
        return false;
    const auto line = lines.next();
    if (line == "")
        return true;
    return line && consists_of(*line, statement_characters) && lines.next() == "";
}

bool read_uri(Lines& lines, SiweMessage& message)
{
    const auto text = lines.next_field("URI: ");
    const auto uri = text ? base::parse_uri(*text) : std::nullopt;
    if (!uri)
        return false;
    message.uri_host = in_lowercase(uri->host.value_or(""));
    return true;
}

bool read_chain_id(Lines& lines, SiweMessage& message)
{
    const auto text = lines.next_field("Chain ID: ");
    if (!text || text->empty() || !consists_of(*text, digits))
        return false;
    message.chain_id = text->substr(std::min(text->find_first_not_of('0'), text->size() - 1));
    return true;
}

bool read_nonce(Lines& lines, SiweMessage& message)
{
    const auto text = lines.next_field("Nonce: ");
    if (!text || text->size() < least_nonce_characters || !consists_of(*text, letters_and_digits))
        return false;
    message.nonce = *text;
    return true;
}

// False if the field is there and is no instant.
bool read_instant(Lines& lines, std::string_view label, std::optional<std::int64_t>& instant_ms)
{
    const auto text = lines.next_field(label);
    if (text)
        instant_ms = base::parse_rfc3339_ms(*text);
    return !text || instant_ms;
}

bool read_instants(Lines& lines, SiweMessage& message)
{
    std::optional<std::int64_t> issued_at_ms;
    if (!read_instant(lines, "Issued At: ", issued_at_ms) || !issued_at_ms)
        return false;
    message.issued_at_ms = *issued_at_ms;
    return read_instant(lines, "Expiration Time: ", message.expiration_time_ms) &&
           read_instant(lines, "Not Before: ", message.not_before_ms);
}

bool read_request_id(Lines& lines)
{
    const auto text = lines.next_field("Request ID: ");
    return !text || base::is_uri_segment(*text);
}

bool read_resources(Lines& lines)
{
    if (lines.next_field("Resources:") != "")
        return false;
    while (const auto text = lines.next_field("- ")) {
        if (!base::parse_uri(*text))
            return false;
    }
    return true;
}

} // namespace

std::string SiweMessage::domain_host() const
{
    const auto after_literal = domain.find(']');
    return domain.substr(0, domain.find(':', after_literal == std::string::npos ? 0 : after_literal));
}

std::optional<SiweMessage> parse_siwe_message(std::string_view text)
{
    Lines lines(text);
    SiweMessage message;
    std::string_view address;
    if (!read_domain(lines, message) || !read_address(lines, message, address) || !read_statement(lines) ||
        !read_uri(lines, message) || lines.next_field("Version: ") != "1" || !read_chain_id(lines, message) ||
        !read_nonce(lines, message) || !read_instants(lines, message) || !read_request_id(lines) ||
        (!lines.is_at_end() && !read_resources(lines)) || !lines.is_at_end())
        return std::nullopt;
    if (ethereum::to_checksum_address(message.wallet) != address) // last, since it takes the longest
        return std::nullopt;
    return message;
}

} // namespace auth
