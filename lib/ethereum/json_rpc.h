// JSON-RPC 2.0 with a node. What comes back is not trusted.
#pragma once

#include "base/json.h"

#include <cstdint>
#include <string>
#include <variant>

namespace ethereum {

// Carries one request body to the node and brings its answer's body back.
class Transport
{
  public:
    virtual ~Transport() = default;
    // Throws Error(chain_unavailable) if there is no answer in bounded time and size. No message names the
    // node's address, which may hold an access key.
    virtual std::string post(const std::string& body) = 0;
    // The text without any part of the node's address: a node may repeat the key that it was asked with.
    virtual std::string without_address(std::string text) const { return text; }
};

// What the node said instead of a result. The message is the node's own text: look into it, never pass it on.
struct RpcError
{
    std::int64_t code = 0; // 0 if the node gave none
    std::string message;
    std::string data; // a revert's, raw bytes; empty if there is none
};

// Writes to the log what the node said, with its code: without addresses, which may hold an access key, and
// without long hex, which may be a signed transaction.
void log_answer(const std::string& method, const RpcError& error);
// What the node answered, or did not: Error(chain_unavailable). `why` may not hold its address.
[[noreturn]] void refuse_answer(const std::string& why);

// Of what a contract or a node says, printable ASCII is kept, and not without end.
std::string readable(const std::string& text);

// Is told of every call, when it begins and when it is over.
class CallObserver
{
  public:
    virtual ~CallObserver() = default;
    virtual void before_call() {}
    // `outcome` is "ok", "error" (the node answered with one) or "unavailable" (no answer of use).
    virtual void on_call(const std::string& method, const char* outcome, std::int64_t microseconds) = 0;
};

class JsonRpc
{
  public:
    explicit JsonRpc(Transport& transport, CallObserver* observer = nullptr)
        : transport_(transport), observer_(observer)
    {
    }

    // The `result` of the call. Throws Error(chain_unavailable) for an error answer, which is logged, a wrong
    // id, and anything that is not a JSON-RPC answer.
    base::Json call(const std::string& method, const base::Json& params);
    // The same, but an error answer is given back, unless the node says that it was asked too much: that is
    // chain_unavailable, too.
    std::variant<base::Json, RpcError> try_call(const std::string& method, const base::Json& params);

    // eth_call on the latest block. `calldata` and what is returned are raw bytes; an empty answer, which is
    // what an address without a contract gives, is refused as well.
    std::string eth_call(const std::string& contract, const std::string& calldata);

  private:
    std::variant<base::Json, RpcError> ask(const std::string& method, const base::Json& params);

    Transport& transport_;
    CallObserver* observer_; // may be null
    std::int64_t last_id_ = 0;
};

} // namespace ethereum
