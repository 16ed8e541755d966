// An operation is tried again and again, with another fault each time, until there is no place left for one.
#pragma once

#include "faults/faulty_vfs.h"
#include "faults/town.h"

#include <functional>
#include <optional>
#include <set>
#include <string>

namespace faults {

// Something that can be made to fail.
struct Sort
{
    std::string name;
    std::function<std::int64_t()> calls;                      // so far
    std::function<void(std::int64_t nth, bool for_good)> arm; // the nth from now on, and those after it
    std::function<void()> disarm;
    std::function<std::int64_t()> hits; // failed since then
    // Refused in other words than that the database is out of reach.
    std::string other_refusal = unavailable;
    // A COMMIT whose frames have reached the log, and fails then, may or may not be found done at the next
    // start: as a whole.
    bool may_be_done = false;
    // Once, it is not even noticed: the transaction is run again.
    bool is_invisible = false;
    // The process may end by it, so it happens once, and in a process of its own.
    bool may_end_process = false;
};

class Trials
{
  public:
    Trials(const Town& town, const std::vector<Sort>& sorts) : town_(town), sorts_(sorts) {}

    // Faults at every `stride`th place; with a database that is open before, or is opened on the way.
    void run(const Operation& operation, bool is_open, std::int64_t stride);
    // Prints how many faults there were.
    void report(const std::string& what) const;

  private:
    // What the operation does when nothing fails, once and again.
    struct Expected
    {
        std::string before, answer, after, second_answer, after_second;
        std::vector<std::int64_t> calls; // of each sort
    };

    void expect();
    std::unique_ptr<World> open() const;
    static std::string state(const World& world);
    void run_with(const Sort& sort, std::int64_t nth, bool for_good);
    void run_apart(const Sort& sort, std::int64_t nth);
    // Nothing if there was no fault; or whether all is right.
    std::optional<bool> attempt(const Sort& sort, std::int64_t nth, bool for_good);
    // `answer` is nothing if the process ended by it.
    bool check(World& world, const std::optional<std::string>& answer, const Sort& sort);

    const Town& town_;
    const std::vector<Sort> sorts_;
    const TemporaryFolder folder_{"/dev/shm"};
    const Operation* operation_ = nullptr;
    bool is_open_ = false;
    bool audits_always_ = false;
    bool is_to_be_invisible_ = false; // the fault of this attempt
    Expected expected_;
    std::set<std::string> audited_;
    std::int64_t places_ = 0;
    std::uint64_t injected_ = 0;
    std::uint64_t survived_ = 0;
    std::uint64_t ended_ = 0;
};

} // namespace faults
