#include "ethereum/http_transport.h"

#include "base/error.h"
#include "base/json.h"
#include "base/shared_file.h"
#include "http_client/curl_library.h"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace ethereum {

namespace {

constexpr std::size_t max_answer_bytes = 256 * 1024; // an eth_call of these contracts gives under 1 KiB

[[noreturn]] void refuse(const std::string& why)
{
    throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", why);
}

// One of the first bytes of a lock file, of which there are as many as calls may be under way, held while
// this one is. Who waits for one holds the byte behind them, unless others may wait as well. The kernel gives
// them back when the process dies.
class Place
{
  public:
    explicit Place(const HttpOptions& options)
    {
        if (options.slots_path.empty())
            return;
        fd_ = base::open_shared_file(options.slots_path);
        if (fd_ < 0)
            refuse("cannot open " + options.slots_path);
        if (!take_soon(options)) {
            ::close(fd_);
            refuse("too many calls to the node are under way");
        }
    }
    ~Place()
    {
        if (fd_ >= 0)
            ::close(fd_); // lets go of the byte
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

  private:
    bool take_soon(const HttpOptions& options) const
    {
        using Steady = std::chrono::steady_clock;
        const auto count = options.max_concurrent - options.left_to_others;
        const auto waiting_byte = options.max_concurrent;
        if (take_one_of(count))
            return true;
        if (!options.waits_beside_others && !lock(waiting_byte, F_WRLCK))
            return false;
        const auto give_up_at = Steady::now() + std::chrono::milliseconds(options.slot_wait_ms);
        bool is_taken = false;
        while (!is_taken && Steady::now() < give_up_at) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            is_taken = take_one_of(count);
        }
        if (!options.waits_beside_others)
            lock(waiting_byte, F_UNLCK);
        return is_taken;
    }

    bool take_one_of(std::int64_t count) const
    {
        for (std::int64_t byte = 0; byte < count; ++byte) {
            if (lock(byte, F_WRLCK))
                return true;
        }
        return false;
    }

    bool lock(std::int64_t byte, short type) const
    {
        struct flock range = {};
        range.l_type = type;
        range.l_whence = SEEK_SET;
        range.l_start = byte;
        range.l_len = 1;
        return ::fcntl(fd_, F_OFD_SETLK, &range) == 0;
    }

    int fd_ = -1;
};

// Hedera's relay answers errors of JSON-RPC, such as a revert, with HTTP status 400.
bool is_rpc_error(const std::string& answer)
{
    try {
        const auto json = base::parse_json(answer);
        return json.is_object() && json.contains("error") && json["error"].is_object() &&
               json["error"].contains("code");
    } catch (const base::Error&) {
        return false;
    }
}

std::size_t collect(char* bytes, std::size_t size, std::size_t count, void* into)
{
    auto& text = *static_cast<std::string*>(into);
    if (text.size() + size * count > max_answer_bytes)
        return 0; // makes libcurl stop
    text.append(bytes, size * count);
    return size * count;
}

} // namespace

class HttpTransport::Curl
{
  public:
    Curl() : library(load())
    {
        handle = library.easy_init();
        // Some nodes refuse a POST without.
        headers = library.slist_append(nullptr, "Content-Type: application/json");
        if (handle == nullptr || headers == nullptr)
            refuse("libcurl cannot start");
    }
    ~Curl()
    {
        library.slist_free_all(headers);
        library.easy_cleanup(handle);
    }
    Curl(const Curl&) = delete;
    Curl& operator=(const Curl&) = delete;

    const http_client::CurlLibrary& library;
    CURL* handle = nullptr;
    curl_slist* headers = nullptr;

  private:
    static const http_client::CurlLibrary& load()
    {
        try {
            return http_client::curl_library();
        } catch (const base::Error& error) {
            refuse(error.what());
        }
    }
};

HttpTransport::HttpTransport(HttpOptions options) : options_(std::move(options)) {}

HttpTransport::~HttpTransport() = default;

std::string HttpTransport::post(const std::string& body)
{
    const Place slot(options_);
    if (!curl_)
        curl_ = std::make_unique<Curl>();
    const auto& curl = curl_->library;
    auto* const handle = curl_->handle;

    std::string answer;
    const auto set = [&](CURLoption option, auto value) {
        return curl.easy_setopt(handle, option, value) == CURLE_OK;
    };
    curl.easy_reset(handle); // keeps the connection to the node open
    const bool is_set = curl.set_common(handle) && set(CURLOPT_URL, options_.url.c_str()) &&
                        set(CURLOPT_POSTFIELDS, body.c_str()) &&
                        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size())) &&
                        set(CURLOPT_HTTPHEADER, curl_->headers) && set(CURLOPT_WRITEFUNCTION, collect) &&
                        set(CURLOPT_WRITEDATA, static_cast<void*>(&answer)) &&
                        set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_ms));
    if (!is_set)
        refuse("libcurl refuses a setting");

    const CURLcode code = curl.easy_perform(handle);
    if (code != CURLE_OK)
        refuse(std::string("the node cannot be asked: ") + curl.easy_strerror(code));
    long status = 0;
    curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (status == 429)
        refuse("the node is asked too much: HTTP status 429");
    if (status != 200 && !(status == 400 && is_rpc_error(answer)))
        refuse("the node answered with HTTP status " + std::to_string(status));
    return answer;
}

std::string HttpTransport::without_address(std::string text) const
{
    constexpr std::size_t least_characters = 6; // "rpc" and "v1" are no keys
    const std::string_view url = options_.url;
    for (std::size_t begin = 0; begin < url.size();) {
        const auto end = std::min(url.find_first_of("/?&=@#", begin), url.size());
        const std::string part(url.substr(begin, end - begin));
        begin = end + 1;
        if (part.size() < least_characters || part == "https:")
            continue;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at))
            text.replace(at, part.size(), "(address)");
    }
    return text;
}

} // namespace ethereum
