// What the use cases of rooms work with.
#pragma once

#include "agora/rtc_token.h"
#include "base/random.h"
#include "database/transaction.h"

#include <cstdint>
#include <utility>

namespace base {
struct Listeners;
struct Rules;
} // namespace base

namespace rooms {

// Of one request, or of one step of a sweep.
class Context
{
  public:
    Context(database::Connection& connection, const base::Rules& rules_of_rooms, base::UnixSeconds instant);

    database::Connection& db;
    const base::Rules& rules;
    const base::Listeners& listeners; // the rules'
    const base::UnixSeconds now;

    // Charged in transactions that were committed.
    std::int64_t debited_seconds() const { return debited_seconds_; }

    // Runs `body` as database::transact() does.
    template <class Body>
    auto transact(database::Durability durability, Body&& body);
    template <class Body>
    auto transact(Body&& body)
    {
        return transact(database::Durability::synced, std::forward<Body>(body));
    }

    // Whoever charges inside a transaction says so.
    void debited(std::int64_t seconds) { uncommitted_seconds_ += seconds; }

  private:
    std::int64_t debited_seconds_ = 0;
    std::int64_t uncommitted_seconds_ = 0;
};

// What new rooms and seats are made with.
struct Mint
{
    const agora::TokenIssuer& tokens;
    base::Random& random; // of ids
};

template <class Body>
auto Context::transact(database::Durability durability, Body&& body)
{
    const auto count = [&] { debited_seconds_ += std::exchange(uncommitted_seconds_, 0); };
    const auto afresh = [&] {
        uncommitted_seconds_ = 0;
        return body();
    };
    try {
        if constexpr (std::is_void_v<decltype(body())>) {
            database::transact(db, durability, afresh);
            count();
        } else {
            auto result = database::transact(db, durability, afresh);
            count();
            return result;
        }
    } catch (const base::Error& error) {
        if (base::is_refusal(error.code())) // what was settled stands
            count();
        throw;
    }
}

} // namespace rooms
