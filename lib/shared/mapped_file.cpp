#include "shared/mapped_file.h"

#include "base/log.h"
#include "base/shared_file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shared {

namespace {

using Atomic = std::atomic<std::uint64_t>;
static_assert(Atomic::is_always_lock_free && sizeof(Atomic) == sizeof(std::uint64_t));

class Descriptor
{
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor()
    {
        const int error = errno; // the caller's, who is told by it
        if (fd_ >= 0) {
            ::flock(fd_, LOCK_UN); // to close it is not enough: what is mapped keeps the lock
            ::close(fd_);
        }
        errno = error;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

  private:
    int fd_;
};

unsigned char* map(int fd, std::size_t size_bytes)
{
    const int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    void* address = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    return address == MAP_FAILED ? nullptr : static_cast<unsigned char*>(address);
}

bool lock(int fd)
{
    while (::flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR)
            return false;
    }
    return true;
}

bool is_at(const std::string& path, const struct stat& file)
{
    struct stat there = {};
    return ::stat(path.c_str(), &there) == 0 && there.st_dev == file.st_dev && there.st_ino == file.st_ino;
}

} // namespace

bool MappedFile::has_format(std::uint64_t format) const
{
    return reinterpret_cast<const Atomic*>(bytes_)->load(std::memory_order_acquire) == format;
}

void MappedFile::set_format(std::uint64_t format)
{
    reinterpret_cast<Atomic*>(bytes_)->store(format, std::memory_order_release);
}

std::unique_ptr<MappedFile> MappedFile::open(const std::string& path, std::uint64_t format,
                                             std::size_t size_bytes,
                                             const std::function<void(MappedFile&)>& fill)
{
    // The file at the path may be taken away under us, by somebody who makes it anew, and again.
    for (int attempt = 0; attempt < 100; ++attempt) {
        const Descriptor fd(base::open_shared_file(path));
        struct stat file = {};
        if (fd.get() < 0 || ::fstat(fd.get(), &file) != 0)
            return nullptr;
        const auto has_size = [&] { return file.st_size == static_cast<off_t>(size_bytes); };
        const auto mapped = [&] {
            auto* bytes = map(fd.get(), size_bytes);
            return std::unique_ptr<MappedFile>(bytes == nullptr ? nullptr
                                                                : new MappedFile(bytes, size_bytes));
        };
        if (has_size()) {
            auto whole = mapped();
            if (!whole || whole->has_format(format))
                return whole;
        }
        if (!lock(fd.get()) || ::fstat(fd.get(), &file) != 0)
            return nullptr;
        if (!is_at(path, file))
            continue;
        if (file.st_size != 0) { // foreign, half made, or finished while we waited
            if (has_size()) {
                auto whole = mapped();
                if (!whole || whole->has_format(format))
                    return whole;
            }
            // Never made shorter, which would kill those that still map it.
            if (::unlink(path.c_str()) != 0)
                return nullptr;
            continue;
        }
        if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size_bytes)); error != 0) {
            ::unlink(path.c_str());
            errno = error;
            return nullptr;
        }
        auto made = mapped();
        if (made) {
            if (fill)
                fill(*made);
            made->set_format(format);
        }
        return made;
    }
    errno = EAGAIN;
    return nullptr;
}

std::unique_ptr<MappedFile> MappedFile::anonymous(std::size_t size_bytes,
                                                  const std::function<void(MappedFile&)>& fill)
{
    auto* bytes = map(-1, size_bytes);
    if (bytes == nullptr)
        return nullptr;
    std::unique_ptr<MappedFile> made(new MappedFile(bytes, size_bytes));
    if (fill)
        fill(*made);
    return made;
}

MappedFile::~MappedFile()
{
    ::munmap(bytes_, size_bytes_);
}

LazyMapping::LazyMapping(std::string path, std::uint64_t format, std::size_t size_bytes,
                         std::function<void(MappedFile&)> fill)
    : path_(std::move(path)), format_(format), size_bytes_(size_bytes), fill_(std::move(fill))
{
}

MappedFile* LazyMapping::get()
{
    if (file_)
        return file_.get();
    if (path_.empty())
        file_ = MappedFile::anonymous(size_bytes_, fill_);
    else
        file_ = MappedFile::open(path_, format_, size_bytes_, fill_);
    if (!file_ && !is_reported_) {
        is_reported_ = true;
        base::log("goes on without " + path_ + ", which cannot be mapped: " + std::strerror(errno));
    }
    return file_.get();
}

} // namespace shared
