#include "faults/faulty_vfs.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sqlite3.h>
#include <stdexcept>
#include <sys/stat.h>
#include <utility>

namespace faults {

namespace {

constexpr std::size_t sector_bytes = 512;

FaultyVfs* disk = nullptr;         // there is one at most
sqlite3_vfs* system_vfs = nullptr; // SQLite's own, which does the work
sqlite3_vfs registered = {};
using OpenDirectory = int (*)(const char*, int*);
OpenDirectory open_directory = nullptr;

struct File
{
    sqlite3_file base;
    std::shared_ptr<Inode>* inode; // null unless tracked
    sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* of(sqlite3_file* file)
{
    return reinterpret_cast<File*>(file);
}

const sqlite3_io_methods* methods(sqlite3_file* file)
{
    return of(file)->below()->pMethods;
}

int close(sqlite3_file* file)
{
    delete of(file)->inode;
    return methods(file)->xClose(of(file)->below());
}

int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset)
{
    if (!disk->fails(Call::read))
        return methods(file)->xRead(of(file)->below(), bytes, count, offset);
    if (disk->kind().is_partial)
        methods(file)->xRead(of(file)->below(), bytes, count / 2, offset);
    return disk->kind().code;
}

int write_through(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset)
{
    if (of(file)->inode != nullptr)
        (*of(file)->inode)
            ->unsynced.push_back(
                {offset, std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(count))});
    return methods(file)->xWrite(of(file)->below(), bytes, count, offset);
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset)
{
    if (disk->loses_power())
        return SQLITE_IOERR_WRITE;
    if (!disk->fails(Call::write))
        return write_through(file, bytes, count, offset);
    if (disk->kind().is_partial)
        write_through(file, bytes, count / 2, offset);
    return disk->kind().code;
}

int truncate(sqlite3_file* file, sqlite3_int64 size)
{
    if (disk->loses_power())
        return SQLITE_IOERR_TRUNCATE;
    if (disk->fails(Call::truncate))
        return disk->kind().code;
    if (of(file)->inode != nullptr)
        (*of(file)->inode)->unsynced.push_back({size, std::nullopt});
    return methods(file)->xTruncate(of(file)->below(), size);
}

void apply(std::string& content, const Inode::Change& change)
{
    const auto offset = static_cast<std::size_t>(change.offset);
    if (!change.data) {
        content.resize(offset);
        return;
    }
    if (content.size() < offset + change.data->size())
        content.resize(offset + change.data->size());
    content.replace(offset, change.data->size(), *change.data);
}

int sync(sqlite3_file* file, int flags)
{
    if (disk->loses_power())
        return SQLITE_IOERR_FSYNC;
    if (disk->fails(Call::sync))
        return disk->kind().code;
    if (const auto others = std::exchange(disk->on_sync, nullptr)) {
        others();
        disk->on_sync = others;
    }
    if (of(file)->inode != nullptr) {
        auto& inode = **of(file)->inode;
        for (const auto& change : inode.unsynced)
            apply(inode.durable, change);
        inode.unsynced.clear();
    }
    const int code = methods(file)->xSync(of(file)->below(), flags);
    if (disk->after_sync)
        disk->after_sync();
    return code;
}

int size(sqlite3_file* file, sqlite3_int64* bytes)
{
    return disk->fails(Call::size) ? disk->kind().code : methods(file)->xFileSize(of(file)->below(), bytes);
}

int lock(sqlite3_file* file, int level)
{
    return disk->fails(Call::lock) ? disk->kind().code : methods(file)->xLock(of(file)->below(), level);
}

int unlock(sqlite3_file* file, int level)
{
    return methods(file)->xUnlock(of(file)->below(), level);
}

int check_reserved_lock(sqlite3_file* file, int* is_reserved)
{
    return disk->fails(Call::lock) ? disk->kind().code
                                   : methods(file)->xCheckReservedLock(of(file)->below(), is_reserved);
}

int file_control(sqlite3_file* file, int operation, void* argument)
{
    return methods(file)->xFileControl(of(file)->below(), operation, argument);
}

int sector_size(sqlite3_file* file)
{
    return methods(file)->xSectorSize(of(file)->below());
}

int device_characteristics(sqlite3_file* file)
{
    return methods(file)->xDeviceCharacteristics(of(file)->below());
}

int shm_map(sqlite3_file* file, int region, int bytes, int extend, void volatile** mapped)
{
    return disk->fails(Call::shm_map)
               ? disk->kind().code
               : methods(file)->xShmMap(of(file)->below(), region, bytes, extend, mapped);
}

int shm_lock(sqlite3_file* file, int offset, int count, int flags)
{
    if ((flags & SQLITE_SHM_LOCK) != 0 && disk->fails(Call::shm_lock))
        return disk->kind().code;
    return methods(file)->xShmLock(of(file)->below(), offset, count, flags);
}

void shm_barrier(sqlite3_file* file)
{
    methods(file)->xShmBarrier(of(file)->below());
}

int shm_unmap(sqlite3_file* file, int remove)
{
    return methods(file)->xShmUnmap(of(file)->below(), remove);
}

// Version 2: without xFetch() nothing is read past read().
const sqlite3_io_methods io_methods = {2,
                                       close,
                                       read,
                                       write,
                                       truncate,
                                       sync,
                                       size,
                                       lock,
                                       unlock,
                                       check_reserved_lock,
                                       file_control,
                                       sector_size,
                                       device_characteristics,
                                       shm_map,
                                       shm_lock,
                                       shm_barrier,
                                       shm_unmap,
                                       nullptr,
                                       nullptr};

int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out)
{
    file->pMethods = nullptr;
    of(file)->inode = nullptr;
    if (disk->is_cut() || disk->fails(Call::open))
        return disk->is_cut() ? SQLITE_CANTOPEN : disk->kind().code;
    struct stat before = {};
    const bool existed = name != nullptr && ::stat(name, &before) == 0 && before.st_size > 0;
    const int code = system_vfs->xOpen(system_vfs, name, of(file)->below(), flags, flags_out);
    if (of(file)->below()->pMethods != nullptr) {
        file->pMethods = &io_methods;
        if (code == SQLITE_OK && name != nullptr && disk->is_tracking())
            of(file)->inode = new std::shared_ptr<Inode>(disk->opened(name, existed));
    }
    return code;
}

int remove(sqlite3_vfs*, const char* name, int sync_folder)
{
    if (disk->loses_power())
        return SQLITE_IOERR_DELETE;
    if (disk->fails(Call::remove))
        return disk->kind().code;
    if (disk->is_tracking()) // else it would take memory for nothing, whose want SQLite's own code cannot
                             // bear
        disk->removed(name);
    return system_vfs->xDelete(system_vfs, name, sync_folder);
}

int access(sqlite3_vfs*, const char* name, int flags, int* result)
{
    return disk->fails(Call::access) ? disk->kind().code
                                     : system_vfs->xAccess(system_vfs, name, flags, result);
}

int full_path_name(sqlite3_vfs*, const char* name, int count, char* full)
{
    return system_vfs->xFullPathname(system_vfs, name, count, full);
}

// Whoever waits for a fault to pass need not wait long.
int sleep(sqlite3_vfs*, int microseconds)
{
    return microseconds;
}

int hooked_open_directory(const char* path, int* fd)
{
    if (disk != nullptr)
        disk->folder_synced(); // SQLite opens a folder only to sync it
    return open_directory(path, fd);
}

} // namespace

const std::vector<Kind> kinds = {
    {"open", Call::open, SQLITE_CANTOPEN},
    {"delete", Call::remove, SQLITE_IOERR_DELETE},
    {"access", Call::access, SQLITE_IOERR_ACCESS},
    {"read", Call::read, SQLITE_IOERR_READ},
    {"short read", Call::read, SQLITE_IOERR_READ, true},
    {"write", Call::write, SQLITE_IOERR_WRITE},
    {"full disk", Call::write, SQLITE_FULL},
    {"short write", Call::write, SQLITE_FULL, true},
    {"truncate", Call::truncate, SQLITE_IOERR_TRUNCATE},
    {"sync", Call::sync, SQLITE_IOERR_FSYNC},
    {"file size", Call::size, SQLITE_IOERR_FSTAT},
    {"lock", Call::lock, SQLITE_IOERR_LOCK},
    {"busy lock", Call::lock, SQLITE_BUSY},
    {"shm map", Call::shm_map, SQLITE_IOERR_SHMMAP},
    {"shm lock", Call::shm_lock, SQLITE_IOERR_SHMLOCK},
    {"busy shm lock", Call::shm_lock, SQLITE_BUSY},
};

FaultyVfs::FaultyVfs()
{
    if (disk != nullptr)
        throw std::logic_error("one disk at a time");
    sqlite3_initialize();
    system_vfs = sqlite3_vfs_find("unix");
    registered = *system_vfs;
    registered.szOsFile = static_cast<int>(sizeof(File)) + system_vfs->szOsFile;
    registered.zName = "faulty";
    registered.xOpen = open;
    registered.xDelete = remove;
    registered.xAccess = access;
    registered.xFullPathname = full_path_name;
    registered.xSleep = sleep;
    disk = this;
    sqlite3_vfs_register(&registered, 1);
    open_directory = reinterpret_cast<OpenDirectory>(system_vfs->xGetSystemCall(system_vfs, "openDirectory"));
    system_vfs->xSetSystemCall(system_vfs, "openDirectory",
                               reinterpret_cast<sqlite3_syscall_ptr>(hooked_open_directory));
}

FaultyVfs::~FaultyVfs()
{
    system_vfs->xSetSystemCall(system_vfs, "openDirectory", nullptr);
    sqlite3_vfs_unregister(&registered);
    sqlite3_vfs_register(system_vfs, 1);
    disk = nullptr;
}

void FaultyVfs::arm(const Kind& kind, std::int64_t nth, bool for_good)
{
    kind_ = &kind;
    fails_at_ = calls(kind.call) + nth;
    for_good_ = for_good;
    hits_ = 0;
}

bool FaultyVfs::fails(Call call)
{
    const auto now = ++calls_[static_cast<std::size_t>(call)];
    if (kind_ == nullptr || kind_->call != call)
        return false;
    const bool is_hit = now == fails_at_ || (for_good_ && now > fails_at_);
    hits_ += is_hit ? 1 : 0;
    return is_hit;
}

void FaultyVfs::track()
{
    is_tracking_ = true;
    is_cut_ = false;
    changes_left_ = 0;
    live_.clear();
    on_disk_.clear();
}

bool FaultyVfs::loses_power()
{
    if (changes_left_ > 0 && --changes_left_ == 0)
        is_cut_ = true;
    return is_cut_;
}

bool FaultyVfs::is_log_synced() const
{
    return std::all_of(live_.begin(), live_.end(), [&](const auto& entry) {
        const auto& [path, inode] = entry;
        const bool is_log = path.size() > 4 && path.substr(path.size() - 4) == "-wal";
        return on_disk_.count(path) > 0 && (!is_log || inode->unsynced.empty());
    });
}

std::shared_ptr<Inode> FaultyVfs::opened(const std::string& path, bool existed)
{
    auto& inode = live_[path];
    if (inode)
        return inode;
    inode = std::make_shared<Inode>();
    if (existed) {
        std::ifstream file(path, std::ios::binary);
        inode->durable.assign(std::istreambuf_iterator<char>(file), {});
        on_disk_[path] = inode;
    }
    return inode;
}

void FaultyVfs::removed(const std::string& path)
{
    live_.erase(path);
}

void FaultyVfs::write_image(const std::string& folder, std::mt19937_64& dice, bool everything) const
{
    const auto roll = [&](std::uint64_t sides) { return dice() % sides; };
    auto names = live_;
    for (const auto& [path, any] : names) {
        const auto live = live_.find(path);
        const auto synced = on_disk_.find(path);
        const bool takes_live = everything || roll(2) == 0;
        if ((takes_live ? live == live_.end() : synced == on_disk_.end()))
            continue;
        const auto& inode = takes_live ? *live->second : *synced->second;
        std::vector<Inode::Change> pieces;
        for (const auto& change : inode.unsynced) {
            if (everything || !change.data) {
                pieces.push_back(change);
                continue;
            }
            auto offset = static_cast<std::size_t>(change.offset);
            for (std::size_t at = 0; at < change.data->size();) {
                const auto count =
                    std::min(sector_bytes - (offset + at) % sector_bytes, change.data->size() - at);
                pieces.push_back({static_cast<std::int64_t>(offset + at), change.data->substr(at, count)});
                at += count;
            }
        }
        if (!everything) {
            const auto share = roll(5); // none, a quarter ... all of it
            pieces.erase(
                std::remove_if(pieces.begin(), pieces.end(), [&](const auto&) { return roll(4) >= share; }),
                pieces.end());
            if (roll(2) == 0)
                std::shuffle(pieces.begin(), pieces.end(), dice);
        }
        auto content = inode.durable;
        for (const auto& piece : pieces)
            apply(content, piece);
        std::ofstream file(folder + "/" + std::filesystem::path(path).filename().string(), std::ios::binary);
        file << content;
    }
}

} // namespace faults
