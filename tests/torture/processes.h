// What the tortures share: processes that write to one database, none of which inherits it open.
#pragma once

#include "base/error.h"
#include "credits/ledger.h"
#include "rooms/audit.h"
#include "sqlite/migrate.h"

#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

// A wallet for each writer, whose rows can be counted.
inline std::string wallet_of(std::size_t writer)
{
    return "0x" + std::string(39, '0') + std::to_string(writer + 1);
}

inline std::unique_ptr<sqlite::Connection> open_database(const std::string& path,
                                                         const sqlite::Options& options)
{
    auto db = std::make_unique<sqlite::Connection>(path, options);
    sqlite::migrate(*db);
    return db;
}

inline std::vector<std::string> audit(database::Connection& db)
{
    auto problems = credits::audit(db);
    const auto more = rooms::audit(db);
    problems.insert(problems.end(), more.begin(), more.end());
    return problems;
}

inline std::int64_t events_of(sqlite::Connection& db, std::size_t writer)
{
    auto row = db.prepare("SELECT count(*) FROM credit_events WHERE wallet = :wallet");
    row.bind(":wallet", wallet_of(writer)).step();
    return row.integer(0);
}

// One that all processes share.
template <class Board>
Board& make_board()
{
    void* shared = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *new (shared) Board{};
}

inline pid_t start(const std::function<void()>& work)
{
    const pid_t child = fork();
    if (child != 0)
        return child;
    try {
        work();
        _exit(0);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        _exit(1);
    }
}

inline bool went_well(pid_t child)
{
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
