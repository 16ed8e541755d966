#include "simulation/faulty_disk.h"

#include <map>
#include <sqlite3.h>

namespace simulation::faulty_disk {

namespace {

constexpr std::int64_t never = INT64_MAX;

std::int64_t writes_until_full = never;
std::int64_t changes_until_death = never;

sqlite3_vfs* real = nullptr;
sqlite3_io_methods real_methods; // whose functions that change a file are the same for every kind of file
std::map<const sqlite3_io_methods*, sqlite3_io_methods> replaced;

bool is_dead()
{
    return changes_until_death != never && changes_until_death-- <= 0;
}

bool is_full()
{
    if (writes_until_full == never || writes_until_full-- > 0)
        return false;
    writes_until_full = never;
    return true;
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset)
{
    if (is_dead())
        return SQLITE_IOERR_WRITE;
    if (is_full())
        return SQLITE_FULL;
    return real_methods.xWrite(file, bytes, count, offset);
}

int sync(sqlite3_file* file, int flags)
{
    return is_dead() ? SQLITE_IOERR_FSYNC : real_methods.xSync(file, flags);
}

int truncate(sqlite3_file* file, sqlite3_int64 size)
{
    return is_dead() ? SQLITE_IOERR_TRUNCATE : real_methods.xTruncate(file, size);
}

int open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* flags_out)
{
    const int code = real->xOpen(real, name, file, flags, flags_out);
    if (code != SQLITE_OK || file->pMethods == nullptr)
        return code;
    const auto [methods, is_new] = replaced.try_emplace(file->pMethods, *file->pMethods);
    if (is_new) {
        real_methods = *file->pMethods;
        methods->second.xWrite = write;
        methods->second.xSync = sync;
        methods->second.xTruncate = truncate;
    }
    file->pMethods = &methods->second;
    return SQLITE_OK;
}

} // namespace

void install()
{
    if (real != nullptr)
        return;
    real = sqlite3_vfs_find(nullptr);
    static sqlite3_vfs faulty = *real;
    faulty.zName = "faulty";
    faulty.pNext = nullptr;
    faulty.xOpen = open;
    sqlite3_vfs_register(&faulty, 1);
}

void fail_after(std::int64_t writes)
{
    writes_until_full = writes;
}

void die_after(std::int64_t changes)
{
    changes_until_death = changes;
}

void heal()
{
    writes_until_full = changes_until_death = never;
}

} // namespace simulation::faulty_disk
