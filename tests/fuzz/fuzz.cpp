#include "fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace {

using Run = void (*)(std::string_view);

std::map<std::string, Run>& targets()
{
    static std::map<std::string, Run> all;
    return all;
}

Run chosen = nullptr;

} // namespace

namespace fuzz {

Target::Target(const char* name, void (*run)(std::string_view))
{
    targets().emplace(name, run);
}

void require(bool holds, const char* otherwise)
{
    if (holds)
        return;
    std::fprintf(stderr, "fuzz: %s\n", otherwise);
    std::abort();
}

std::string_view Input::take(std::size_t count)
{
    const auto taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
}

std::string_view Input::until(char end)
{
    const auto taken = take(std::min(bytes_.find(end), bytes_.size()));
    take(1);
    return taken;
}

std::uint64_t Input::number(std::size_t count)
{
    std::uint64_t value = 0;
    for (const auto taken = take(count); const char c : taken)
        value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

std::string edited(std::string text, Input& input)
{
    while (!input.is_empty()) {
        const auto kind = input.byte();
        const auto at = static_cast<std::size_t>(input.number(2)) % (text.size() + 1);
        if (kind % 4 == 0)
            text.erase(at, input.byte());
        else if (kind % 4 == 1)
            text.insert(at, input.take(input.byte() % 32));
        else
            text.replace(at, kind % 4 == 2 ? 1 : 0, input.take(1));
    }
    return text;
}

} // namespace fuzz

// The names are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int*, char***);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t);

extern "C" int LLVMFuzzerInitialize(int*, char***)
{
    const char* name = std::getenv("FUZZ_TARGET");
    const auto found = targets().find(name == nullptr ? "" : name);
    if (found == targets().end()) {
        std::fputs("FUZZ_TARGET must be one of:", stderr);
        for (const auto& [known, run] : targets())
            std::fprintf(stderr, " %s", known.c_str());
        std::fputs("\n", stderr);
        std::exit(2);
    }
    chosen = found->second;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    chosen({reinterpret_cast<const char*>(data), size});
    return 0;
}
