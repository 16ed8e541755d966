#include "http_client/client.h"

#include "base/error.h"
#include "base/network.h"
#include "http_client/curl_library.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace http_client {

namespace {

// One request under way. It does not move while libcurl knows it.
struct Transfer
{
    std::int64_t id = 0;
    Request request;
    curl_slist* headers = nullptr;
    Answer answer;
    std::size_t bytes_read = 0;
    bool is_cut = false;     // it was longer than we read
    bool is_refused = false; // its host stands for an address that is out of reach
};

bool is_in_reach(Reach reach, const sockaddr& address)
{
    const auto kind = base::kind_of_address(address);
    switch (reach) {
    case Reach::anywhere:
        return true;
    case Reach::global:
        return kind == base::AddressKind::global;
    case Reach::loopback:
        break;
    }
    return kind == base::AddressKind::loopback;
}

// The names of the following three are libcurl's for what they do.
curl_socket_t open_socket(void* of, curlsocktype, curl_sockaddr* address)
{
    auto& transfer = *static_cast<Transfer*>(of);
    if (!is_in_reach(transfer.request.reach, address->addr)) {
        transfer.is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Whether so many more bytes may be read.
bool take(Transfer& transfer, std::size_t bytes)
{
    transfer.bytes_read += bytes;
    transfer.is_cut = transfer.bytes_read > max_answer_bytes;
    return !transfer.is_cut;
}

std::size_t write_body(const char* bytes, std::size_t size, std::size_t count, void* of)
{
    auto& transfer = *static_cast<Transfer*>(of);
    const auto before = transfer.bytes_read;
    if (!take(transfer, size * count)) {
        transfer.answer.body.append(bytes, max_answer_bytes - std::min(before, max_answer_bytes));
        return 0; // makes libcurl stop
    }
    transfer.answer.body.append(bytes, size * count);
    return size * count;
}

std::size_t write_header(const char* bytes, std::size_t size, std::size_t count, void* of)
{
    auto& transfer = *static_cast<Transfer*>(of);
    if (!take(transfer, size * count))
        return 0;
    const std::string_view line(bytes, size * count);
    constexpr std::string_view name = "retry-after:";
    constexpr std::string_view blanks = " \t\r\n";
    if (line.size() > name.size() && ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
        const auto begin = line.find_first_not_of(blanks, name.size());
        transfer.answer.retry_after =
            begin == line.npos ? "" : line.substr(begin, line.find_last_not_of(blanks) + 1 - begin);
    }
    return size * count;
}

} // namespace

struct Client::Transfers
{
    Transfers() : multi(curl.multi_init())
    {
        if (multi == nullptr)
            throw std::bad_alloc();
    }
    ~Transfers()
    {
        while (!under_way.empty())
            end(under_way.begin()->first);
        curl.multi_cleanup(multi);
    }
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    bool set(CURL* handle, Transfer& transfer) const
    {
        const auto put = [&](CURLoption option, auto value) {
            return curl.easy_setopt(handle, option, value) == CURLE_OK;
        };
        for (const auto& header : transfer.request.headers) {
            auto* const longer = curl.slist_append(transfer.headers, header.c_str());
            if (longer == nullptr)
                return false;
            transfer.headers = longer;
        }
        const auto& body = transfer.request.body;
        void* const self = &transfer;
        return curl.set_common(handle) && put(CURLOPT_URL, transfer.request.url.c_str()) &&
               put(CURLOPT_POSTFIELDS, body.data()) &&
               put(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size())) &&
               put(CURLOPT_HTTPHEADER, transfer.headers) && put(CURLOPT_WRITEFUNCTION, write_body) &&
               put(CURLOPT_WRITEDATA, self) && put(CURLOPT_HEADERFUNCTION, write_header) &&
               put(CURLOPT_HEADERDATA, self) && put(CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
               put(CURLOPT_OPENSOCKETDATA, self) &&
               put(CURLOPT_TIMEOUT_MS, static_cast<long>(transfer.request.timeout_ms));
    }

    void fail(std::int64_t id, std::string why)
    {
        ended.push_back({id, {}});
        ended.back().answer.failure = std::move(why);
    }

    void end(CURL* handle)
    {
        curl.multi_remove_handle(multi, handle);
        curl.easy_cleanup(handle);
        curl.slist_free_all(under_way[handle]->headers);
        under_way.erase(handle);
    }

    void conclude(CURL* handle, CURLcode code)
    {
        auto& transfer = *under_way[handle];
        auto& answer = transfer.answer;
        long status = 0;
        curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        if (transfer.is_refused && code == CURLE_COULDNT_CONNECT)
            answer.failure = "its host stands for an address that may not be connected to";
        else if (code != CURLE_OK && !transfer.is_cut)
            answer.failure = curl.easy_strerror(code);
        else if (status == 0)
            answer.failure = "there is no answer within 64 KiB";
        else
            answer.status = static_cast<int>(status);
        ended.push_back({transfer.id, std::move(answer)});
        end(handle);
    }

    // Whatever has come to its end by now.
    void look()
    {
        int running = 0;
        curl.multi_perform(multi, &running);
        for (int left = 0; const auto* const message = curl.multi_info_read(multi, &left);) {
            if (message->msg == CURLMSG_DONE)
                conclude(message->easy_handle, message->data.result);
        }
    }

    const CurlLibrary& curl = curl_library();
    CURLM* multi = nullptr;
    std::map<CURL*, std::unique_ptr<Transfer>> under_way;
    std::vector<Finished> ended;
};

Client::Client() : transfers_(std::make_unique<Transfers>()) {}

Client::~Client() = default;

void Client::post(std::int64_t id, const Request& request)
{
    auto* const handle = transfers_->curl.easy_init();
    if (handle == nullptr)
        throw std::bad_alloc();
    auto& transfer = transfers_->under_way[handle];
    transfer = std::make_unique<Transfer>();
    transfer->id = id;
    transfer->request = request;
    if (transfers_->set(handle, *transfer) &&
        transfers_->curl.multi_add_handle(transfers_->multi, handle) == CURLM_OK)
        return;
    transfers_->end(handle);
    transfers_->fail(id, "libcurl refuses a setting");
}

std::vector<Finished> Client::collect(std::int64_t wait_ms)
{
    using Steady = std::chrono::steady_clock;
    using std::chrono::milliseconds;
    // Those that end at nearly the same time are noted together.
    constexpr milliseconds together(5);
    auto wait_until = Steady::now() + milliseconds(wait_ms);
    bool has_any = false;
    for (;;) {
        transfers_->look();
        if (!has_any && !transfers_->ended.empty()) {
            has_any = true;
            wait_until = std::min(wait_until, Steady::now() + together);
        }
        const auto left = std::chrono::ceil<milliseconds>(wait_until - Steady::now()).count();
        if (left <= 0 || (has_any && transfers_->under_way.empty()))
            return std::exchange(transfers_->ended, {});
        transfers_->curl.multi_poll(transfers_->multi, nullptr, 0, static_cast<int>(left), nullptr);
    }
}

} // namespace http_client
