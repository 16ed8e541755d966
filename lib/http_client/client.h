// HTTP(S) requests to others, several at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace http_client {

// Which addresses a host name may stand for. Others are not connected to.
enum class Reach
{
    anywhere,
    global, // those that the whole internet reaches; see base::AddressKind
    loopback
};

// A POST.
struct Request
{
    std::string url;                  // it may hold a password
    std::vector<std::string> headers; // "Name: value"
    std::string body;
    std::int64_t timeout_ms = 15000; // for the whole exchange
    Reach reach = Reach::global;
};

// At most so much of an answer is read, its headers included. What comes behind that is not waited for.
constexpr std::size_t max_answer_bytes = 64 * 1024;

struct Answer
{
    int status = 0;          // 0: there is none
    std::string failure;     // then: why; it names neither the address nor a secret
    std::string body;        // or its beginning
    std::string retry_after; // the header; empty if there is none
};

struct Finished
{
    std::int64_t id = 0;
    Answer answer;
};

class Sender
{
  public:
    virtual ~Sender() = default;
    // Begins a request, which `id` names from now on. A failure is an answer.
    virtual void post(std::int64_t id, const Request& request) = 0;
    // Goes on with those that are under way, and gives back what has come to its end. Waits for that for at
    // most so long.
    virtual std::vector<Finished> collect(std::int64_t wait_ms) = 0;
};

// By libcurl. A redirect is an answer like any other; there is no proxy; certificates are verified.
class Client : public Sender
{
  public:
    Client(); // throws Error(internal) without libcurl
    ~Client() override;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void post(std::int64_t id, const Request& request) override;
    std::vector<Finished> collect(std::int64_t wait_ms) override;

  private:
    struct Transfers;
    std::unique_ptr<Transfers> transfers_;
};

} // namespace http_client
