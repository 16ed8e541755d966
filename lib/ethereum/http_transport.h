// The way to the node: HTTP(S) by libcurl.
#pragma once

#include "ethereum/json_rpc.h"

#include <cstdint>
#include <memory>

namespace ethereum {

struct HttpOptions
{
    std::string url;
    std::int64_t timeout_ms = 5000; // for the whole exchange
    // Calls under way at once over all processes that share `slots_path`; one more is refused after a short
    // wait. So a node that hangs can hold up only so many workers. Empty: no limit.
    std::int64_t max_concurrent = 3;
    std::int64_t left_to_others = 0; // of these places
    std::string slots_path;
    std::int64_t slot_wait_ms = 100; // that wait
    // Or else it is refused at once if another call waits already.
    bool waits_beside_others = true;
};

class HttpTransport : public Transport
{
  public:
    explicit HttpTransport(HttpOptions options);
    ~HttpTransport() override;

    std::string post(const std::string& body) override;
    std::string without_address(std::string text) const override;

  private:
    class Curl;
    HttpOptions options_;
    std::unique_ptr<Curl> curl_;
};

} // namespace ethereum
