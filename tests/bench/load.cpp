// Heartbeats at a constant rate, whether or not the answers keep up: one is due every 1/RATE seconds, goes
// out on whatever connection is free, and its latency counts from the moment at which it was due, so that a
// server that stalls is charged for all who would have come meanwhile.  usage: load PORT RATE SECONDS CLIENTS
// CLIENTS is what seed printed. SIGTERM ends it before SECONDS are over. Prints: requests, errors (any answer
// but 200, or none), then the median, the 99th and the 99.9th percentile and the greatest latency, in
// microseconds.
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
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as the timer
using std::chrono::nanoseconds;

constexpr std::size_t connection_count = 64;
constexpr std::chrono::seconds patience(10); // for the last answers

volatile std::sig_atomic_t is_over = 0;

struct Connection
{
    int fd = -1;
    bool is_busy = false;
    Clock::time_point due_at;
    std::string answer;
};

std::vector<std::string> read_requests(const char* path)
{
    std::vector<std::string> requests;
    std::ifstream lines(path);
    std::string token, room_id, connection_id;
    while (lines >> token >> room_id >> connection_id) {
        const auto body = R"({"room_id":")" + room_id + R"(","connection_id":")" + connection_id + "\"}";
        requests.push_back(
            "POST /rooms/heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Authorization: Bearer " +
            token + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    return requests;
}

class Load
{
  public:
    Load(std::uint16_t port, std::vector<std::string> requests)
        : requests_(std::move(requests)), epoll_(epoll_create1(0)), timer_(timerfd_create(CLOCK_MONOTONIC, 0))
    {
        address_.sin_family = AF_INET;
        address_.sin_port = htons(port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        epoll_event event{EPOLLIN, {.u64 = connection_count}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
        for (std::size_t i = 0; i < connection_count; ++i)
            connect(i);
    }

    void run(double rate, double seconds)
    {
        const auto begun = Clock::now();
        const auto due = [&](std::size_t i) {
            return begun + nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(i) / rate));
        };
        auto count = static_cast<std::size_t>(rate * seconds);
        auto give_up_at = Clock::time_point::max();
        for (std::size_t sent = 0; sent < count || busy_ > 0;) {
            const auto now = Clock::now();
            if (is_over != 0)
                count = sent;
            if (sent == count && give_up_at == Clock::time_point::max())
                give_up_at = now + patience;
            if (now > give_up_at)
                break;
            while (sent < count && !free_.empty() && due(sent) <= now) {
                send(free_.back(), requests_[sent % requests_.size()], due(sent));
                ++sent;
            }
            wait(sent < count && !free_.empty() ? due(sent)
                                                : std::min(give_up_at, now + std::chrono::seconds(1)));
        }
        errors_ += busy_;
    }

    void print()
    {
        std::sort(latencies_us_.begin(), latencies_us_.end());
        const auto percentile = [&](double part) {
            const auto index = static_cast<std::size_t>(part * static_cast<double>(latencies_us_.size()));
            return latencies_us_.empty() ? 0 : latencies_us_[std::min(index, latencies_us_.size() - 1)];
        };
        std::printf("%zu %zu %ld %ld %ld %ld\n", latencies_us_.size() + errors_, errors_, percentile(0.5),
                    percentile(0.99), percentile(0.999), percentile(1));
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

    void send(std::size_t i, const std::string& request, Clock::time_point due_at)
    {
        auto& connection = connections_[i];
        free_.pop_back();
        connection.is_busy = true;
        connection.due_at = due_at;
        connection.answer.clear();
        ++busy_;
        // Small enough for the socket's buffer. If the other end has gone, the reading finds out.
        (void)!::send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL);
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
            if (connection.is_busy) {
                ++errors_;
                end(connection);
            }
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
        if (answer.compare(0, 13, "HTTP/1.1 200 ") == 0)
            latencies_us_.push_back(
                std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.due_at)
                    .count());
        else
            ++errors_;
        end(connection);
        if (answer.find("Connection: close") < head_end)
            reconnect(i);
        else
            free_.push_back(i);
    }

    void end(Connection& connection)
    {
        connection.is_busy = false;
        --busy_;
    }

    const std::vector<std::string> requests_;
    sockaddr_in address_{};
    const int epoll_;
    const int timer_;
    std::vector<Connection> connections_{connection_count};
    std::vector<std::size_t> free_;
    std::size_t busy_ = 0;
    std::size_t errors_ = 0;
    std::vector<long> latencies_us_;
};

} // namespace

int main(int argc, char** argv)
{
    if (argc != 5)
        return 2;
    auto requests = read_requests(argv[4]);
    const double rate = std::atof(argv[2]);
    if (requests.empty() || rate <= 0)
        return 2;
    std::signal(SIGTERM, [](int) { is_over = 1; });
    Load load(static_cast<std::uint16_t>(std::atoi(argv[1])), std::move(requests));
    load.run(rate, std::atof(argv[3]));
    load.print();
}
