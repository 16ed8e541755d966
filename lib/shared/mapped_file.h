// A file of fixed size beside the database that all processes map: what they count together. Nothing in it is
// needed to serve anybody; it may be removed at any time, and is made anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace shared {

class MappedFile
{
  public:
    static constexpr std::size_t header_bytes = 64;

    // Maps the file, of `size_bytes` with the header. One that is missing, of another `format` or size is
    // made anew: zeroes, and then `fill` is called once, whichever process is first. Processes that still map
    // an older one keep theirs. Its blocks are reserved, so that a full disk cannot kill who writes to it.
    // Null and errno if it cannot be mapped. May wait for another process that makes the file at the moment.
    static std::unique_ptr<MappedFile> open(const std::string& path, std::uint64_t format,
                                            std::size_t size_bytes,
                                            const std::function<void(MappedFile&)>& fill = {});
    // The same memory for this process and its children alone, without a file.
    static std::unique_ptr<MappedFile> anonymous(std::size_t size_bytes,
                                                 const std::function<void(MappedFile&)>& fill = {});
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    // Free for use: 32 bytes within the header, and what comes after it.
    unsigned char* extra() { return bytes_ + header_bytes - extra_bytes; }
    unsigned char* content() { return bytes_ + header_bytes; }
    static constexpr std::size_t extra_bytes = 32;

  private:
    MappedFile(unsigned char* bytes, std::size_t size_bytes) : bytes_(bytes), size_bytes_(size_bytes) {}
    bool has_format(std::uint64_t format) const;
    void set_format(std::uint64_t format);

    unsigned char* bytes_;
    std::size_t size_bytes_;
};

// One for good, opened when it is first needed and tried again whenever it is needed while that fails. The
// log is told once.
class LazyMapping
{
  public:
    // An empty path asks for memory that is this process's alone.
    LazyMapping(std::string path, std::uint64_t format, std::size_t size_bytes,
                std::function<void(MappedFile&)> fill = {});

    MappedFile* get(); // null if there is none now

  private:
    std::string path_;
    std::uint64_t format_;
    std::size_t size_bytes_;
    std::function<void(MappedFile&)> fill_;
    std::unique_ptr<MappedFile> file_;
    bool is_reported_ = false;
};

} // namespace shared
