// A disk that can be told to fail, and to lose its power: a layer below SQLite and above its own files. While
// one lives it is what every database of this process stands on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace faults {

enum class Call
{
    open,
    remove,
    access,
    read,
    write,
    truncate,
    sync,
    size,
    lock,
    shm_map,
    shm_lock,
};

struct Kind
{
    const char* name;
    Call call;
    int code;                // SQLite's
    bool is_partial = false; // half of the bytes are read or written before it fails
};

extern const std::vector<Kind> kinds;

// A file as the disk has it, and what the page cache has in hand.
struct Inode
{
    struct Change
    {
        std::int64_t offset = 0; // the new size, where there is no data
        std::optional<std::string> data;
    };
    std::string durable;
    std::vector<Change> unsynced;
};

class FaultyVfs
{
  public:
    FaultyVfs();
    ~FaultyVfs();
    FaultyVfs(const FaultyVfs&) = delete;
    FaultyVfs& operator=(const FaultyVfs&) = delete;

    // The `nth` call of the kind (from 1) fails, or every one from it on.
    void arm(const Kind& kind, std::int64_t nth, bool for_good);
    void disarm() { kind_ = nullptr; }
    // Calls of that sort so far, whether they failed or not.
    std::int64_t calls(Call call) const { return calls_[static_cast<std::size_t>(call)]; }
    // How many calls failed since arm().
    std::int64_t hits() const { return hits_; }

    // What others do while somebody waits for the disk.
    std::function<void()> on_sync;
    // Called when a file has been synced.
    std::function<void()> after_sync;

    // From now on all that is written is kept apart from what is on the disk for sure.
    void track();
    // The power goes at the `nth` change of anything (from 1). Nothing gets through after that.
    void cut_at(std::int64_t nth) { changes_left_ = nth; }
    bool is_cut() const { return is_cut_; }
    // All that was written to a write-ahead log is on the disk, and the folder says where.
    bool is_log_synced() const;
    // Writes into `folder` what is found at the next start: what was synced, and of the rest some, in sectors
    // and in any order; or all of it.
    void write_image(const std::string& folder, std::mt19937_64& dice, bool everything = false) const;

    // The methods below are SQLite's side of it.
    bool fails(Call call);
    bool loses_power();
    const Kind& kind() const { return *kind_; }
    std::shared_ptr<Inode> opened(const std::string& path, bool existed);
    void removed(const std::string& path);
    void folder_synced() { on_disk_ = live_; }
    bool is_tracking() const { return is_tracking_; }

  private:
    using Folder = std::map<std::string, std::shared_ptr<Inode>>; // by path

    const Kind* kind_ = nullptr;
    bool for_good_ = false;
    std::int64_t fails_at_ = 0; // among all calls of the sort
    std::array<std::int64_t, 11> calls_ = {};
    std::int64_t hits_ = 0;
    bool is_tracking_ = false;
    bool is_cut_ = false;
    std::int64_t changes_left_ = 0;
    Folder live_;
    Folder on_disk_;
};

} // namespace faults
