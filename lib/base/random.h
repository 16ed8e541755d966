// Randomness comes in from the edge, as the time does: tests hand in a seeded source and repeat exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace base {

class Random
{
  public:
    virtual ~Random() = default;
    virtual void fill(unsigned char* bytes, std::size_t count) = 0;

    std::uint32_t uniform(std::uint32_t lowest, std::uint32_t highest); // both ends included
    std::string uuid_v4();                                              // RFC 9562, lowercase
};

// The kernel's generator: OpenSSL's would have to be set up in every plain CGI process, which takes a fifth
// of its time. Throws Error(internal) should it refuse.
class SystemRandom : public Random
{
  public:
    void fill(unsigned char* bytes, std::size_t count) override;
};

// 8-4-4-4-12 hex digits, any version, either case.
bool is_uuid(const std::string& text);

// An id of ours as others write it, in our spelling: a UUID may come in capitals (RFC 9562). Any other text
// is the id of nothing, and stays so.
std::string id_of(std::string text);

} // namespace base
