// One writer at a time, over all processes that use a database.
#pragma once

#include <string>

namespace sqlite {

// A lock file beside the database, held from before BEGIN until after COMMIT and after any checkpoint.
// SQLite has a writer lock of its own; this one stands around it for two reasons:
//  - a checkpoint that runs while another process writes can destroy committed rows (the WAL-reset defect of
//    SQLite before 3.51.3); a process that holds this lock knows that nobody writes;
//  - waiters sleep in the kernel and are woken when the lock is free, where SQLite's own would poll.
// Whoever gives it back and wants it again at once, as the sweep does, comes behind the next of those who
// wait. The kernel releases it when its holder dies.
class WriteLockFile
{
  public:
    // Throws Error(database_unavailable) if the file cannot be opened or created.
    explicit WriteLockFile(const std::string& path);
    ~WriteLockFile();
    WriteLockFile(const WriteLockFile&) = delete;
    WriteLockFile& operator=(const WriteLockFile&) = delete;

    // Waits up to `timeout_ms`; throws Error(database_unavailable) after that. Uses SIGALRM and the
    // process's interval timer while it waits.
    void lock(int timeout_ms);
    void unlock() noexcept;
    bool held() const { return held_; }
    int fd() const { return fd_; }
    // Whether somebody waits for what is held here.
    bool is_awaited() const;

  private:
    void wait(bool is_next, int timeout_ms);

    int fd_ = -1;
    bool held_ = false;
};

} // namespace sqlite
