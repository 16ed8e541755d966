// The files that processes count in, with anything in them: they are only counts, so nothing worse than wrong
// counts may come of it.
#include "base/config.h"
#include "fuzz.h"
#include "metrics/report.h"
#include "shared/rate_limiter.h"
#include "temporary_folder.h"

#include <cstring>
#include <sstream>

namespace {

class Zeroes : public base::Random
{
  public:
    void fill(unsigned char* bytes, std::size_t count) override { std::memset(bytes, 0, count); }
};

constexpr std::int64_t now_ms = 1767225600000;

std::string content_of(const std::string& path)
{
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
}

void count_something(shared::Counters& counters)
{
    metrics::count_request(counters, "/rooms/create", 200, 1234);
    metrics::count_sweep(counters, "meter", true, 1234);
}

// The input says what to write where in a good file.
void check_counters(const TemporaryFolder& folder, fuzz::Input input)
{
    static const auto good = [&] {
        shared::Counters counters(folder / "good.db-metrics");
        count_something(counters);
        return content_of(folder / "good.db-metrics");
    }();
    auto content = good;
    while (!input.is_empty()) {
        const auto at = static_cast<std::size_t>(input.number(3)) % content.size();
        const auto bytes = input.take(input.byte());
        content.replace(at, std::min(bytes.size(), content.size() - at), bytes);
    }
    content.resize(good.size());
    folder.write("fuzz.db-metrics", content);
    shared::Counters counters(folder / "fuzz.db-metrics");
    count_something(counters);
    base::Config config;
    config.database_path = folder / "fuzz.db";
    const auto report = metrics::report(counters, nullptr, config, now_ms / 1000);
    fuzz::require(report.find("session_voice_build_info{version=") != std::string::npos &&
                      report.back() == '\n',
                  "no report");
    fuzz::require(counters.numbers().size() <= shared::Counters::max_numbers, "more than there are places");
}

// Whatever comes of a file that no process would leave: another size, another format.
void check_any_file(const TemporaryFolder& folder, std::string_view content)
{
    folder.write("fuzz.db-metrics", std::string(content));
    shared::Counters counters(folder / "fuzz.db-metrics");
    counters.add("made_anew");
    fuzz::require(counters.numbers() == std::map<std::string, std::uint64_t>{{"made_anew", 1}},
                  "a foreign file is counted in");
}

// A table that repeats what the input says: whoever asks finds it.
void check_limits(const TemporaryFolder& folder, fuzz::Input input)
{
    static const auto good = [&] {
        Zeroes zeroes;
        shared::RateLimiter limiter(folder / "good.db-limits", zeroes);
        limiter.take("sign_in", "somebody", 1, now_ms);
        return content_of(folder / "good.db-limits");
    }();
    const auto per_minute = 1 + static_cast<std::int64_t>(input.number(2) % shared::RateLimiter::max_count);
    const auto attempts = 1 + input.byte(); // the first makes a place of the far future one of now
    const auto place = good.find_first_not_of('\0', shared::MappedFile::header_bytes) / 8 * 8;
    std::string set(input.take(64));
    set.resize(64, '\0');
    // The upper bits tell somebody's place; the rest of it is the input's.
    set[7] = good[place + 7];
    set[6] = good[place + 6];
    set[5] = static_cast<char>((good[place + 5] & 0xfc) | (set[5] & 0x03));
    auto content = good.substr(0, shared::MappedFile::header_bytes);
    while (content.size() < good.size())
        content += set;
    content.resize(good.size());
    folder.write("fuzz.db-limits", content);
    Zeroes zeroes;
    shared::RateLimiter limiter(folder / "fuzz.db-limits", zeroes);
    std::int64_t granted = 0;
    for (int i = 0; i < attempts; ++i) {
        const auto wait_ms = limiter.take("sign_in", "somebody", per_minute, now_ms);
        fuzz::require(wait_ms >= 0 && wait_ms <= 60000, "a wait out of its bounds");
        granted += wait_ms == 0;
    }
    fuzz::require(granted <= per_minute, "more than the limit");
    fuzz::require(limiter.take("sign_in", "somebody", per_minute, now_ms + 60000) == 0,
                  "somebody is locked out for longer than a minute");
}

} // namespace

FUZZ_TARGET(mapped)
{
    static const TemporaryFolder folder;
    fuzz::Input input(bytes);
    switch (input.byte() % 3) {
    case 0:
        return check_counters(folder, input);
    case 1:
        return check_any_file(folder, input.rest());
    default:
        return check_limits(folder, input);
    }
}
