#include "base/rfc3339.h"

#include <algorithm>
#include <chrono>

namespace base {

namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

class Reader
{
  public:
    explicit Reader(std::string_view text) : left_(text) {}

    bool is_at_end() const { return left_.empty(); }

    // Whether the next character is one of these; it is taken then.
    bool take(std::string_view one_of)
    {
        if (left_.empty() || one_of.find(left_.front()) == std::string_view::npos)
            return false;
        left_.remove_prefix(1);
        return true;
    }

    // A number of exactly `count` digits.
    std::optional<int> number(std::size_t count)
    {
        const auto taken = left_.substr(0, count);
        if (taken.size() < count || !std::all_of(taken.begin(), taken.end(), is_digit))
            return std::nullopt;
        left_.remove_prefix(count);
        int value = 0;
        for (const char digit : taken)
            value = value * 10 + (digit - '0');
        return value;
    }

    std::optional<int> number(std::size_t count, int highest)
    {
        const auto value = number(count);
        return value <= highest ? value : std::nullopt;
    }

    // What is behind the point, in milliseconds; nothing if there is no digit.
    std::optional<int> fraction_ms()
    {
        int value = 0;
        int weight = 100;
        const auto* const end = std::find_if_not(left_.begin(), left_.end(), is_digit);
        if (end == left_.begin())
            return std::nullopt;
        for (const auto* digit = left_.begin(); digit != end; ++digit, weight /= 10)
            value += (*digit - '0') * weight;
        left_.remove_prefix(static_cast<std::size_t>(end - left_.begin()));
        return value;
    }

  private:
    std::string_view left_;
};

// Minutes ahead of UTC; nothing if there is no offset.
std::optional<int> read_offset(Reader& reader)
{
    if (reader.take("Zz"))
        return 0;
    const bool is_ahead = reader.take("+");
    if (!is_ahead && !reader.take("-"))
        return std::nullopt;
    const auto hours = reader.number(2, 23);
    if (!hours || !reader.take(":"))
        return std::nullopt;
    const auto minutes = reader.number(2, 59);
    if (!minutes)
        return std::nullopt;
    return (is_ahead ? 1 : -1) * (*hours * 60 + *minutes);
}

} // namespace

std::optional<std::int64_t> parse_rfc3339_ms(std::string_view text)
{
    using namespace std::chrono;
    Reader reader(text);
    const auto year_number = reader.number(4);
    if (!year_number || !reader.take("-"))
        return std::nullopt;
    const auto month_number = reader.number(2);
    if (!month_number || !reader.take("-"))
        return std::nullopt;
    const auto day_number = reader.number(2);
    if (!day_number || !reader.take("Tt"))
        return std::nullopt;
    const year_month_day date{year(*year_number), month(static_cast<unsigned>(*month_number)),
                              day(static_cast<unsigned>(*day_number))};
    const auto hour = reader.number(2, 23);
    if (!date.ok() || !hour || !reader.take(":"))
        return std::nullopt;
    const auto minute = reader.number(2, 59);
    if (!minute || !reader.take(":"))
        return std::nullopt;
    const auto second = reader.number(2, 60);
    if (!second)
        return std::nullopt;
    const auto fraction_ms = reader.take(".") ? reader.fraction_ms() : std::optional(0);
    if (!fraction_ms)
        return std::nullopt;
    const auto offset_minutes = read_offset(reader);
    if (!offset_minutes || !reader.is_at_end())
        return std::nullopt;

    const auto since_1970 = sys_days(date).time_since_epoch() + hours(*hour) +
                            minutes(*minute - *offset_minutes) + seconds(*second);
    if (second == 60) {
        const sys_seconds next(since_1970);
        const auto day_after = floor<days>(next);
        if (next != day_after || year_month_day(day_after).day() != day(1))
            return std::nullopt;
    }
    return duration_cast<milliseconds>(since_1970).count() + *fraction_ms;
}

} // namespace base
