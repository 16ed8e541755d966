// A server of HTTP for tests of those who ask one.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

// A node on a port of its own that treats each connection as a test says, one after the other.
class Node
{
  public:
    // `answer` gets a connection whose request has been read in full; the connection is closed after it.
    using Answer = std::function<void(Node& node, int connection)>;

    explicit Node(Answer answer) : answer_(std::move(answer))
    {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t length = sizeof address;
        BOOST_REQUIRE(::bind(listener_, generic, length) == 0);
        BOOST_REQUIRE(::getsockname(listener_, generic, &length) == 0);
        BOOST_REQUIRE(::listen(listener_, 8) == 0);
        BOOST_REQUIRE(::pipe(stop_) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Node() { stop(); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Ends whatever is under way. Nobody listens at the port any more.
    void stop()
    {
        if (!thread_.joinable())
            return;
        ::close(stop_[1]);
        thread_.join();
        ::close(stop_[0]);
        ::close(listener_);
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1/5ca1ab1e"; }
    int requests() const { return requests_; }
    const std::string& last_request() const { return last_request_; } // once it has been answered

    // For answers that take their time: false as soon as the test is over.
    bool wait(int for_ms)
    {
        pollfd stop = {stop_[0], POLLIN, 0};
        return ::poll(&stop, 1, for_ms) == 0;
    }
    static bool send(int connection, const std::string& bytes)
    {
        return ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }

  private:
    void serve()
    {
        for (;;) {
            pollfd events[2] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
            ::poll(events, 2, -1);
            if (events[1].revents != 0)
                return;
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (connection < 0)
                continue;
            const timeval patience = {5, 0};
            ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
            last_request_ = read_request(connection);
            ++requests_;
            answer_(*this, connection);
            ::close(connection);
        }
    }

    static std::string read_request(int connection)
    {
        std::string text;
        char buffer[4096];
        for (std::size_t whole = std::string::npos; text.size() < whole;) {
            const auto count = ::recv(connection, buffer, sizeof buffer, 0);
            if (count <= 0)
                break;
            text.append(buffer, static_cast<std::size_t>(count));
            const auto end = text.find("\r\n\r\n");
            const auto announced = text.find("Content-Length: ");
            if (end != std::string::npos && announced != std::string::npos)
                whole = end + 4 + std::stoul(text.substr(announced + 16));
        }
        return text;
    }

    Answer answer_;
    int listener_ = -1;
    int stop_[2] = {-1, -1};
    int port_ = 0;
    std::atomic<int> requests_{0};
    std::string last_request_;
    std::thread thread_;
};
