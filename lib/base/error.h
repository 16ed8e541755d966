// The one type that is thrown for a request or a command that cannot be served.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace base {

// What kind of failure it is. The edge turns each into an HTTP status.
enum class ErrorCode
{
    invalid_argument,
    unauthenticated,
    permission_denied,
    not_found,
    method_not_allowed,
    payload_too_large,
    conflict,
    key_reused, // for another request than before
    rate_limited,
    not_configured, // the operator has not switched this on
    chain_unavailable,
    chain_refused, // the chain answered, and what it said was no
    database_unavailable,
    database_newer, // than the program, which had better end
    internal,
    database_moved, // another file stands in its place, or none: an operator has to look
};

// Whether it says what the caller may not do, or not now: whatever was found out on the way there is true all
// the same. The others are failures of ours.
bool is_refusal(ErrorCode code);

class Error : public std::runtime_error
{
  public:
    using Value = std::variant<std::string, std::int64_t, bool, std::nullptr_t>;
    using Field = std::pair<std::string, Value>;

    // `name` is what the client sees ("room_full"); `detail` is for the log alone and never holds a secret.
    Error(ErrorCode code, std::string name, const std::string& detail = {})
        : std::runtime_error(detail.empty() ? name : name + ": " + detail), code_(code),
          name_(std::move(name))
    {
    }

    // Adds a field that stands beside `error` in the answer.
    Error&& with(std::string key, Value value) &&;
    // Says in how many seconds the same may fare better; 0, as without it: nobody knows.
    Error&& retry_after(std::int64_t seconds) &&;

    ErrorCode code() const { return code_; }
    const std::string& name() const { return name_; }
    const std::vector<Field>& fields() const { return fields_; }
    std::int64_t retry_after_seconds() const { return retry_after_seconds_; }

  private:
    ErrorCode code_;
    std::string name_;
    std::vector<Field> fields_;
    std::int64_t retry_after_seconds_ = 0;
};

} // namespace base
