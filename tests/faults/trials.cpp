#include "faults/trials.h"

#include "sqlite/child_process.h"

#include <cctype>
#include <exception>
#include <iostream>

namespace faults {

namespace {

constexpr base::UnixSeconds lease_seconds = 31; // of an idempotency key, and one more

} // namespace

void Trials::run(const Operation& operation, bool is_open, std::int64_t stride)
{
    operation_ = &operation;
    is_open_ = is_open;
    audits_always_ = stride == 1;
    expect();
    for (std::size_t i = 0; i < sorts_.size(); ++i) {
        for (const bool for_good : {false, true}) {
            if (for_good && sorts_[i].may_end_process)
                continue;
            for (auto nth = 1 + ++places_ % stride; nth <= expected_.calls[i]; nth += stride)
                run_with(sorts_[i], nth, for_good);
        }
    }
}

void Trials::report(const std::string& what) const
{
    std::cout << "faults: " << injected_ << " injected into " << what << ", " << survived_ << " survived";
    if (ended_ > 0)
        std::cout << ", " << ended_ << " of them by the next process";
    std::cout << "\n";
}

void Trials::expect()
{
    town_.found(folder_.path());
    auto world = open();
    expected_ = {};
    expected_.before = state(*world);
    std::vector<std::int64_t> calls;
    for (const auto& sort : sorts_)
        calls.push_back(sort.calls());
    expected_.answer = operation_->run(*world);
    for (std::size_t i = 0; i < sorts_.size(); ++i)
        expected_.calls.push_back(sorts_[i].calls() - calls[i]);
    expected_.after = state(*world);
    expected_.second_answer = operation_->run(*world);
    expected_.after_second = state(*world);
    const bool is_served =
        expected_.answer.substr(0, 3) == "200" || std::isalpha(expected_.answer.front()) != 0;
    BOOST_REQUIRE_MESSAGE(is_served, operation_->name << ": " << expected_.answer);
}

std::unique_ptr<World> Trials::open() const
{
    auto world = town_.open(folder_.path());
    if (is_open_)
        world->db();
    return world;
}

std::string Trials::state(const World& world)
{
    return contents(world.path) + other_files(world.folder, false);
}

void Trials::run_with(const Sort& sort, std::int64_t nth, bool for_good)
{
    BOOST_TEST_CONTEXT(operation_->name << (is_open_ ? ", open: " : ": ") << sort.name << " " << nth
                                        << (for_good ? " and all after it" : ""))
    {
        town_.found(folder_.path());
        if (sort.may_end_process) {
            run_apart(sort, nth);
        } else if (const auto is_right = attempt(sort, nth, for_good)) {
            ++injected_;
            survived_ += *is_right ? 1 : 0;
        }
    }
}

void Trials::run_apart(const Sort& sort, std::int64_t nth)
{
    enum Exit
    {
        is_right,
        is_wrong,
        no_fault,
        terminated,
    };
    ChildProcess child([&] {
        std::set_terminate([] { ::_exit(terminated); });
        const auto right = attempt(sort, nth, false);
        return !right ? no_fault : *right ? is_right : is_wrong;
    });
    const int code = child.wait();
    if (code == no_fault)
        return;
    ++injected_;
    bool right = code == is_right;
    if (code == terminated) {
        ++ended_;
        right = check(*town_.open(folder_.path()), std::nullopt, sort);
    }
    BOOST_TEST(right);
    survived_ += right ? 1 : 0;
}

std::optional<bool> Trials::attempt(const Sort& sort, std::int64_t nth, bool for_good)
{
    auto world = open();
    sort.arm(nth, for_good);
    const auto answer = operation_->run(*world);
    sort.disarm();
    is_to_be_invisible_ = sort.is_invisible && !for_good;
    if (engine::is_postgresql())
        engine::await_silence();
    if (sort.hits() == 0)
        return std::nullopt;
    if (nth % 2 == 0) { // the next one is asked of a new process
        const auto chain = world->chain;
        world.reset();
        world = town_.open(folder_.path());
        world->chain = chain;
    }
    return check(*world, answer, sort);
}

bool Trials::check(World& world, const std::optional<std::string>& answer, const Sort& sort)
{
    std::optional<Reader> keeps_the_log_open;
    if (!engine::is_postgresql())
        keeps_the_log_open.emplace(world.path);
    const auto found = answer ? state(world) : contents(world.path) + other_files(world.folder, true);
    const bool is_done = found == expected_.after;
    bool is_right = true;
    const auto require = [&](bool is_so, const std::string& what) {
        is_right = is_right && is_so;
        BOOST_TEST(is_so, what);
    };
    const bool is_refused = !answer || *answer == unavailable || *answer == sort.other_refusal;
    if (is_to_be_invisible_)
        require(!is_refused, "not run again: " + operation_->name + ", " + answer.value_or("no answer"));
    if (!is_refused) {
        require(answer == expected_.answer, "answered " + *answer + " for " + expected_.answer);
        require(is_done, "acknowledged and not done");
    } else if (operation_->is_single) {
        require(found == expected_.before || (is_done && sort.may_be_done), "refused and not undone");
    } else {
        const auto broken = violations(world.path);
        require(broken.empty(), broken);
    }
    auto again = operation_->run(world);
    const auto end = state(world);
    if (again.find("request_in_progress") != std::string::npos) {
        world.now += lease_seconds;
        again = operation_->run(world);
        require(again.substr(0, 3) == expected_.answer.substr(0, 3), "the key is lost: " + again);
    } else if (operation_->is_single) {
        require(again == (is_done ? expected_.second_answer : expected_.answer), "then " + again);
        require(end == (is_done ? expected_.after_second : expected_.after), "done differently");
    } else {
        require(again == expected_.answer || again == expected_.second_answer, "then " + again);
        require(end == expected_.after, "not brought to its end");
    }
    // What has been audited once need not be again.
    if (audited_.insert(end).second || audits_always_) {
        const auto broken = violations(world.path);
        require(broken.empty(), broken);
    }
    return is_right;
}

} // namespace faults
