// What the targets share. One program holds them all, because linking and instrumenting once is what makes it
// quick to build; the variable FUZZ_TARGET names the one to run.
#pragma once

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fuzz {

// A target's name and what it does with an input. Define one with FUZZ_TARGET.
struct Target
{
    Target(const char* name, void (*run)(std::string_view bytes));
};

// Ends the process unless it holds; the fuzzer then keeps the input.
void require(bool holds, const char* otherwise);

// Calls `work`, which may refuse in no other way than by base::Error of that code. Whether it did not.
template <class Work>
bool accepts(base::ErrorCode refusal, Work&& work)
{
    try {
        work();
        return true;
    } catch (const base::Error& error) {
        require(error.code() == refusal, error.what());
        return false;
    }
}

// Takes an input apart from its front. Past its end there are zeroes.
class Input
{
  public:
    explicit Input(std::string_view bytes) : bytes_(bytes) {}

    bool is_empty() const { return bytes_.empty(); }
    std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
    std::uint64_t number(std::size_t count); // of so many bytes, big-endian
    std::string_view take(std::size_t count);
    std::string_view until(char end); // which is taken as well
    std::string_view rest() { return take(bytes_.size()); }

  private:
    std::string_view bytes_;
};

// Something good with the changes that the rest of the input asks for: bytes put in, taken out, replaced. So
// a mutation stays near to what would be accepted, where random bytes would never get.
std::string edited(std::string text, Input& input);

} // namespace fuzz

#define FUZZ_TARGET(name)                                                                                    \
    static void fuzz_##name(std::string_view bytes);                                                         \
    static const fuzz::Target target_##name(#name, fuzz_##name);                                             \
    static void fuzz_##name(std::string_view bytes)
