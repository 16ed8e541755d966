// Requests at constant rates, whether or not the answers keep up: each is due at a certain moment, goes out
// on whatever connection is free, and its latency counts from when it was due, so that a server that stalls
// is charged for all who would have come meanwhile.  usage: load PORT SECONDS CLIENTS [KIND RATE]...
//   CLIENTS  what seed printed, and behind it what sign printed, if anybody is to sign in
//   KIND     heartbeat, renew: by one participant after the other, in the order of CLIENTS
//            list: of the rooms that are open
//            visit: a visitor joins, and one who joined before leaves
//            sign-in: a nonce is asked for, and one that is signed is posted
//   RATE     of each of its requests in a second
// SIGTERM ends it before SECONDS are over. Prints a line for each request of those kinds, after one for all
// of them: its name, how many, errors (any answer but 200, or none), then the median, the 99th and the 99.9th
// percentile and the greatest latency, in microseconds.
#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as the timer
using std::chrono::nanoseconds;

constexpr std::size_t connection_count = 256;
constexpr std::chrono::seconds patience(10); // for the last answers

volatile std::sig_atomic_t is_over = 0;

struct Client
{
    std::string token, room_id, connection_id; // of a visitor: what the last joining was answered
    std::string wallet, nonce, signature;      // of who signs in
};

struct Clients
{
    std::vector<Client> participants, visitors, signing;
};

Clients read_clients(const char* path)
{
    Clients clients;
    std::ifstream lines(path);
    std::string first, second, third;
    while (lines >> first >> second >> third) {
        if (first.starts_with("0x"))
            clients.signing.push_back({{}, {}, {}, first, second, third});
        else if (third == "-")
            clients.visitors.push_back({first, second, {}, {}, {}, {}});
        else
            clients.participants.push_back({first, second, third, {}, {}, {}});
    }
    return clients;
}

std::string nothing(const Client&)
{
    return {};
}

std::string room(const Client& client)
{
    return R"({"room_id":")" + client.room_id + "\"}";
}

std::string stay(const Client& client)
{
    return R"({"room_id":")" + client.room_id + R"(","connection_id":")" + client.connection_id + "\"}";
}

std::string wallet(const Client& client)
{
    return R"({"wallet":")" + client.wallet + "\"}";
}

std::string signed_nonce(const Client& client)
{
    return R"({"wallet":")" + client.wallet + R"(","nonce":")" + client.nonce + R"(","signature":")" +
           client.signature + "\"}";
}

struct Route
{
    std::string_view kind;
    const char* name;
    const char* method_and_path;
    std::vector<Client> Clients::*clients;
    std::string (*body)(const Client&);
};

constexpr Route routes[] = {
    {"heartbeat", "heartbeat", "POST /rooms/heartbeat", &Clients::participants, stay},
    {"renew", "renew", "POST /rooms/token/renew", &Clients::participants, stay},
    {"list", "list", "GET /rooms/active", &Clients::participants, nothing},
    {"visit", "join", "POST /rooms/join", &Clients::visitors, room},
    {"visit", "leave", "POST /rooms/leave", &Clients::visitors, stay},
    {"sign-in", "nonce", "POST /auth/nonce", &Clients::signing, wallet},
    {"sign-in", "verify", "POST /auth/verify", &Clients::signing, signed_nonce},
};

// A route at a constant rate. Its clients take turns.
struct Stream
{
    const Route* route;
    double rate;
    Clock::time_point begins_at;
    std::size_t sent = 0;
    std::size_t errors = 0;
    std::vector<long> latencies_us{};

    Clock::time_point due_at() const
    {
        return begins_at + nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(sent) / rate));
    }
};

struct Connection
{
    int fd = -1;
    Stream* asking = nullptr; // while it owes an answer
    Client* client = nullptr;
    Clock::time_point due_at;
    std::string answer;
};

std::string request(const Route& route, const Client& client)
{
    const auto body = route.body(client);
    auto text = std::string(route.method_and_path) + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!client.token.empty())
        text += "Authorization: Bearer " + client.token + "\r\n";
    if (!body.empty())
        text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
}

void print(const char* name, std::size_t errors, std::vector<long>& latencies_us)
{
    std::sort(latencies_us.begin(), latencies_us.end());
    const auto percentile = [&](double part) {
        const auto index = static_cast<std::size_t>(part * static_cast<double>(latencies_us.size()));
        return latencies_us.empty() ? 0 : latencies_us[std::min(index, latencies_us.size() - 1)];
    };
    std::printf("%s %zu %zu %ld %ld %ld %ld\n", name, latencies_us.size() + errors, errors, percentile(0.5),
                percentile(0.99), percentile(0.999), percentile(1));
}

class Load
{
  public:
    Load(std::uint16_t port, Clients clients)
        : clients_(std::move(clients)), epoll_(epoll_create1(0)), timer_(timerfd_create(CLOCK_MONOTONIC, 0))
    {
        address_.sin_family = AF_INET;
        address_.sin_port = htons(port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        epoll_event event{EPOLLIN, {.u64 = connection_count}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
        for (std::size_t i = 0; i < connection_count; ++i)
            connect(i);
    }

    // False if there are no such clients.
    bool add(std::string_view kind, double rate)
    {
        bool is_good = false;
        for (const auto& route : routes) {
            if (route.kind != kind)
                continue;
            const auto count = (clients_.*route.clients).size();
            if (count == 0 || rate <= 0)
                return false;
            streams_.push_back({&route, rate, begun_});
            if (route.body == stay && kind == "visit") // half of them are there at a time
                streams_.back().begins_at +=
                    nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(count / 2) / rate));
            is_good = true;
        }
        return is_good;
    }

    void run(double seconds)
    {
        auto ends_at = begun_ + nanoseconds(static_cast<std::int64_t>(1e9 * seconds));
        for (;;) {
            const auto now = Clock::now();
            if (is_over != 0)
                ends_at = std::min(ends_at, now);
            auto& next =
                *std::min_element(streams_.begin(), streams_.end(), [](const auto& one, const auto& other) {
                    return one.due_at() < other.due_at();
                });
            const bool is_all_sent = next.due_at() >= ends_at;
            if ((is_all_sent && busy_ == 0) || now > ends_at + patience)
                break;
            const bool may_send = !is_all_sent && !free_.empty();
            if (may_send && next.due_at() <= now)
                send(free_.back(), next);
            else
                wait(may_send ? next.due_at() : now + std::chrono::seconds(1));
        }
        for (auto& connection : connections_)
            if (connection.asking != nullptr)
                ++connection.asking->errors;
        for (auto& stream : streams_) // what nobody had the time to send
            for (; stream.due_at() < ends_at; ++stream.sent)
                ++stream.errors;
    }

    void print_all()
    {
        std::vector<long> all_us;
        std::size_t errors = 0;
        for (const auto& stream : streams_) {
            all_us.insert(all_us.end(), stream.latencies_us.begin(), stream.latencies_us.end());
            errors += stream.errors;
        }
        print("all", errors, all_us);
        for (auto& stream : streams_)
            print(stream.route->name, stream.errors, stream.latencies_us);
    }

  private:
    void connect(std::size_t i)
    {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) {
            std::perror("connect");
            std::exit(1);
        }
        epoll_event event{EPOLLIN, {.u64 = i}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
        connections_[i].fd = fd;
        free_.push_back(i);
    }

    void reconnect(std::size_t i)
    {
        close(connections_[i].fd);
        free_.erase(std::remove(free_.begin(), free_.end(), i), free_.end());
        connect(i);
    }

    void send(std::size_t i, Stream& stream)
    {
        auto& connection = connections_[i];
        auto& clients = clients_.*stream.route->clients;
        free_.pop_back();
        connection.asking = &stream;
        connection.client = &clients[stream.sent % clients.size()];
        connection.due_at = stream.due_at();
        connection.answer.clear();
        ++busy_;
        ++stream.sent;
        // Small enough for the socket's buffer. If the other end has gone, the reading finds out.
        const auto text = request(*stream.route, *connection.client);
        (void)!::send(connection.fd, text.data(), text.size(), MSG_NOSIGNAL);
    }

    void wait(Clock::time_point until)
    {
        const auto ns = std::max<std::int64_t>(1, nanoseconds(until.time_since_epoch()).count());
        const itimerspec at{{0, 0}, {ns / 1000000000, ns % 1000000000}};
        timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
        epoll_event events[connection_count + 1];
        const int count = epoll_wait(epoll_, events, connection_count + 1, -1);
        for (int k = 0; k < count; ++k)
            if (events[k].data.u64 < connection_count)
                receive(events[k].data.u64);
    }

    void receive(std::size_t i)
    {
        auto& connection = connections_[i];
        char bytes[16384];
        const auto got = recv(connection.fd, bytes, sizeof bytes, 0);
        if (got <= 0) { // an idle connection may end, one that owes an answer may not
            if (connection.asking != nullptr)
                fail(connection, "nothing more");
            reconnect(i);
            return;
        }
        auto& answer = connection.answer;
        answer.append(bytes, static_cast<std::size_t>(got));
        const auto head_end = answer.find("\r\n\r\n");
        if (head_end == std::string::npos)
            return;
        const auto length_at = answer.find("Content-Length: ");
        if (length_at < head_end &&
            answer.size() < head_end + 4 + std::strtoul(answer.c_str() + length_at + 16, nullptr, 10))
            return;
        if (answer.compare(0, 13, "HTTP/1.1 200 ") == 0) {
            succeed(connection);
            end(connection);
        } else {
            fail(connection, answer.c_str());
        }
        if (answer.find("Connection: close") < head_end)
            reconnect(i);
        else
            free_.push_back(i);
    }

    void succeed(Connection& connection)
    {
        connection.asking->latencies_us.push_back(
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.due_at).count());
        constexpr std::string_view key = R"("connection_id":")";
        constexpr std::size_t id_length = 36;
        if (connection.asking->route->body == room)
            if (const auto at = connection.answer.find(key); at != std::string::npos)
                connection.client->connection_id = connection.answer.substr(at + key.size(), id_length);
    }

    // The first few are shown.
    void fail(Connection& connection, const char* answer)
    {
        if (failures_++ < 3)
            std::fprintf(stderr, "%s: after %zu bytes: %.200s\n", connection.asking->route->name,
                         connection.answer.size(), answer);
        ++connection.asking->errors;
        end(connection);
    }

    void end(Connection& connection)
    {
        connection.asking = nullptr;
        --busy_;
    }

    Clients clients_;
    std::vector<Stream> streams_;
    sockaddr_in address_{};
    const int epoll_;
    const int timer_;
    std::vector<Connection> connections_{connection_count};
    std::vector<std::size_t> free_;
    std::size_t busy_ = 0;
    std::size_t failures_ = 0;
    const Clock::time_point begun_ = Clock::now();
};

} // namespace

int main(int argc, char** argv)
{
    if (argc < 6 || argc % 2 != 0)
        return 2;
    std::signal(SIGTERM, [](int) { is_over = 1; });
    Load load(static_cast<std::uint16_t>(std::atoi(argv[1])), read_clients(argv[3]));
    for (int i = 4; i < argc; i += 2) {
        if (!load.add(argv[i], std::atof(argv[i + 1]))) {
            std::fprintf(stderr, "load: no %s\n", argv[i]);
            return 2;
        }
    }
    load.run(std::atof(argv[2]));
    load.print_all();
}
