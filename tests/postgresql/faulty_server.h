// Faults between the driver and the server, or of the server: at the statement that is chosen, while the
// service is at work. One of these lives at a time.
#pragma once

#include "faults/trials.h"
#include "fixture.h"
#include "postgresql/libpq.h"

#include <optional>
#include <vector>

class FaultyServer
{
  public:
    FaultyServer();
    ~FaultyServer();
    FaultyServer(const FaultyServer&) = delete;
    FaultyServer& operator=(const FaultyServer&) = delete;

    // For each way of failing. The connection that is cut after a COMMIT was carried out loses its answer.
    std::vector<faults::Sort> sorts();

  private:
    enum class Way
    {
        serialization_failure,
        deadlock,
        terminated, // by an administrator
        cut,
        cut_after_commit,
    };
    static FaultyServer*& present();
    static int send_query(PGconn* connection, const char* sql, int count, const Oid* types,
                          const char* const* values, const int* lengths, const int* formats, int format);
    static int send_prepared(PGconn* connection, const char* name, int count, const char* const* values,
                             const int* lengths, const int* formats, int format);
    static int flush(PGconn* connection);

    // Whether something else was sent in its place; `result` is what sending gave then.
    bool meets(PGconn* connection, const std::string& sql, int& result);
    // Counts one more place where that can happen, and says whether it does.
    bool is_hit(Way way);
    void arm(Way way, std::int64_t nth, bool for_good);

    const postgresql::Libpq original_;
    std::map<Way, std::int64_t> calls_;
    std::optional<Way> armed_;
    std::int64_t fails_at_ = 0;
    bool for_good_ = false;
    std::int64_t hits_ = 0;
    PGconn* to_be_cut_ = nullptr; // when its COMMIT has been answered
    bool is_in_transaction_ = false;
    bool is_doomed_ = false; // the transaction, whose COMMIT may be sent all the same
    // Chance is drawn again by a transaction that is run again, so that what it answers can be compared.
    std::optional<SeededRandom> chance_;
};
