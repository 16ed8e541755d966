#include "postgresql/faulty_server.h"

#include "postgresql/connection.h"

#include <poll.h>
#include <sys/socket.h>

namespace {

bool begins_with(const std::string& sql, const char* words)
{
    return sql.rfind(words, 0) == 0;
}

} // namespace

FaultyServer*& FaultyServer::present()
{
    static FaultyServer* one = nullptr;
    return one;
}

FaultyServer::FaultyServer() : original_(postgresql::libpq())
{
    present() = this;
    auto& table = postgresql::changeable_libpq();
    table.send_query = send_query;
    table.send_prepared = send_prepared;
    table.flush = flush;
    dynamic_cast<postgresql::Connection&>(engine::observer()).run_alone(R"(
        CREATE SCHEMA IF NOT EXISTS faults;
        CREATE OR REPLACE FUNCTION faults.fail(state text) RETURNS bigint LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'as if it were so' USING ERRCODE = state;
        END $$)");
}

FaultyServer::~FaultyServer()
{
    postgresql::changeable_libpq() = original_;
    present() = nullptr;
}

std::vector<faults::Sort> FaultyServer::sorts()
{
    std::vector<faults::Sort> all;
    for (const auto& [way, name] :
         {std::pair(Way::serialization_failure, "40001"), std::pair(Way::deadlock, "40P01"),
          std::pair(Way::terminated, "57P01"), std::pair(Way::cut, "a cut"),
          std::pair(Way::cut_after_commit, "a cut after COMMIT")}) {
        faults::Sort sort;
        sort.name = name;
        sort.calls = [this, kind = way] { return calls_[kind]; };
        sort.arm = [this, kind = way](std::int64_t nth, bool for_good) { arm(kind, nth, for_good); };
        sort.disarm = [this] {
            armed_.reset();
            chance_.reset();
        };
        sort.hits = [this] { return hits_; };
        sort.is_invisible = way == Way::serialization_failure || way == Way::deadlock;
        sort.may_be_done = way == Way::cut_after_commit;
        all.push_back(sort);
    }
    return all;
}

void FaultyServer::arm(Way way, std::int64_t nth, bool for_good)
{
    armed_ = way;
    fails_at_ = calls_[way] + nth;
    for_good_ = for_good;
    hits_ = 0;
    chance_.reset();
}

bool FaultyServer::is_hit(Way way)
{
    const auto now = ++calls_[way];
    const bool is_so = armed_ == way && (now == fails_at_ || (for_good_ && now > fails_at_));
    hits_ += is_so ? 1 : 0;
    return is_so;
}

bool FaultyServer::meets(PGconn* connection, const std::string& sql, int& result)
{
    if (!faults::is_serving || begins_with(sql, "ROLLBACK")) {
        is_in_transaction_ = is_in_transaction_ && sql != "ROLLBACK";
        return false;
    }
    if (begins_with(sql, "BEGIN ISOLATION LEVEL SERIALIZABLE")) {
        is_in_transaction_ = true;
        is_doomed_ = false;
        if (faults::asked != nullptr && chance_)
            faults::asked->random = *chance_;
        else if (faults::asked != nullptr)
            chance_ = faults::asked->random;
    }
    const auto send_instead = [&](const char* other) {
        is_doomed_ = true;
        result = original_.send_query(connection, other, 0, nullptr, nullptr, nullptr, nullptr, 0);
        return true;
    };
    // Only who reads or writes in a serializable transaction has to give way.
    if (is_in_transaction_ && is_hit(Way::serialization_failure))
        return send_instead("SELECT faults.fail('40001')");
    if (is_in_transaction_ && is_hit(Way::deadlock))
        return send_instead("SELECT faults.fail('40P01')");
    if (is_hit(Way::terminated))
        return send_instead("SELECT pg_terminate_backend(pg_backend_pid())");
    if (is_hit(Way::cut))
        ::shutdown(original_.socket(connection), SHUT_RDWR);
    else if (sql == "COMMIT" && is_hit(Way::cut_after_commit))
        to_be_cut_ = connection;
    if (sql == "COMMIT") {
        is_in_transaction_ = false;
        if (!is_doomed_)
            chance_.reset();
    }
    return false;
}

int FaultyServer::send_query(PGconn* connection, const char* sql, int count, const Oid* types,
                             const char* const* values, const int* lengths, const int* formats, int format)
{
    int result = 0;
    auto& self = *present();
    return self.meets(connection, sql, result)
               ? result
               : self.original_.send_query(connection, sql, count, types, values, lengths, formats, format);
}

int FaultyServer::send_prepared(PGconn* connection, const char* name, int count, const char* const* values,
                                const int* lengths, const int* formats, int format)
{
    int result = 0;
    auto& self = *present();
    return self.meets(connection, name, result)
               ? result
               : self.original_.send_prepared(connection, name, count, values, lengths, formats, format);
}

int FaultyServer::flush(PGconn* connection)
{
    auto& self = *present();
    const int result = self.original_.flush(connection);
    if (result == 0 && self.to_be_cut_ == connection) {
        self.to_be_cut_ = nullptr;
        const int socket = self.original_.socket(connection);
        struct pollfd answered = {socket, POLLIN, 0};
        ::poll(&answered, 1, 10000);
        char answer[65536];
        while (::recv(socket, answer, sizeof answer, MSG_DONTWAIT) > 0) {
        }
        ::shutdown(socket, SHUT_RDWR);
    }
    return result;
}
