// What a receiver may answer: a Retry-After of any form, any status, any body.
#include "base/rfc3339.h"
#include "fuzz.h"
#include "outbox/letter.h"
#include "outbox/retry.h"

namespace {

constexpr std::int64_t day = 86400;
constexpr base::UnixSeconds last_second = 253402300799; // of the year 9999

void check_text(std::string_view text, base::UnixSeconds now)
{
    const auto wait = outbox::parse_retry_after(text, now);
    fuzz::require(!wait || (*wait >= 0 && *wait <= day), "a wait is out of its bounds");
    const bool is_digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    fuzz::require(!is_digits || wait.has_value(), "digits are refused");
    if (is_digits && text.size() < 10)
        fuzz::require(*wait == std::min<std::int64_t>(day, std::stoll(std::string(text))), "another number");
}

// What we write ourselves is read as it was meant.
void check_date(base::UnixSeconds instant, base::UnixSeconds now)
{
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto iso = base::iso8601(instant); // 2026-01-31T12:00:00.000Z
    const std::string month = months[std::stoi(iso.substr(5, 2)) - 1];
    const auto date_day = iso.substr(8, 2), year = iso.substr(0, 4), time = iso.substr(11, 8);
    const auto expected = std::clamp<std::int64_t>(instant - now, 0, day);
    fuzz::require(outbox::parse_retry_after(
                      "Sun, " + date_day + " " + month + " " + year + " " + time + " GMT", now) == expected,
                  "a date is read wrongly");
    fuzz::require(outbox::parse_retry_after("Sun " + month + " " +
                                                (date_day[0] == '0' ? " " + date_day.substr(1) : date_day) +
                                                " " + time + " " + year,
                                            now) == expected,
                  "a date of asctime() is read wrongly");
}

void check_answer(fuzz::Input input, base::UnixSeconds now)
{
    outbox::Attempt attempt;
    attempt.destination = input.byte() % 2 == 0 ? outbox::Destination::webhook : outbox::Destination::agora;
    http_client::Answer answer;
    answer.status = static_cast<int>(input.number(2) % 1000);
    answer.retry_after = input.until('\n');
    answer.body = input.rest();
    const auto result = outbox::judge(attempt, answer, now);
    using outbox::Verdict;
    const bool is_2xx = answer.status >= 200 && answer.status < 300;
    if (attempt.destination == outbox::Destination::webhook)
        fuzz::require((result.verdict == Verdict::delivered) == is_2xx, "a webhook is judged by its status");
    else
        fuzz::require(result.verdict != Verdict::delivered ||
                          (answer.status == 200 && answer.body.find("success") != std::string::npos),
                      "Agora did not say success");
    fuzz::require(result.verdict == Verdict::delivered || answer.status == 0 || !result.failure.empty(),
                  "a failure without a word");
}

} // namespace

FUZZ_TARGET(retry)
{
    fuzz::Input input(bytes);
    const auto kind = input.byte() % 3;
    const auto now = static_cast<base::UnixSeconds>(input.number(5) % (last_second + 1));
    if (kind == 0)
        check_text(input.rest(), now);
    else if (kind == 1)
        check_date(static_cast<base::UnixSeconds>(input.number(5) % (last_second + 1)), now);
    else
        check_answer(input, now);
}
