// Delivers what waits in the outbox: several at once to each destination, which know nothing of each other.
//
// A message is claimed before it is sent, and noted afterwards. Who is killed in between leaves it claimed;
// once that counts as lost, it is sent again, under the same id. So each is told at least once.
#pragma once

#include "http_client/client.h"
#include "outbox/queue.h"

#include <functional>
#include <map>

namespace base {
struct Config;
}

namespace outbox {

constexpr std::size_t at_once = 16; // to each destination

class Delivery
{
  public:
    // `database` gives a connection that is of use, a new one where the last has ended.
    Delivery(std::function<database::Connection&()> database, http_client::Sender& sender, base::Clock& clock,
             base::Random& random, const base::Config& config);

    enum class Pace
    {
        go_on,
        finish, // what is under way
        leave   // that, too
    };
    // Delivers until nothing is due. Asks for its pace again and again. What could not be noted because the
    // database is away is kept and noted later; throws Error(database_unavailable) then, and whatever else
    // the database throws.
    Tallies run(const std::function<Pace()>& pace);

    // Whether something is under way, or not noted.
    bool is_idle() const { return under_way_.empty() && unnoted_.empty(); }

  private:
    bool begin(Destination destination);
    void send(const Attempt& attempt);
    void collect(std::int64_t wait_ms);
    void note_all();

    std::function<database::Connection&()> database_;
    http_client::Sender& sender_;
    base::Clock& clock_;
    base::Random& random_;
    const base::Config& config_;
    std::map<std::int64_t, Attempt> under_way_; // by message
    std::vector<Result> unnoted_;
    Tallies tallies_;
};

} // namespace outbox
