// Requests as a web server hands them over, through every handler, with a database and a node that answers
// what the input wants. An input is a few requests, so that one may build on another:
//
//     POST /rooms/join              the method and the URI
//     HTTP_AUTHORIZATION=@t1        CGI variables, and what is not a client's to say: NOW=seconds that pass,
//     NOW=45                        SWEEP, BAN=number of a wallet, RPC=the node's next result (JSON),
//     RPC_DOWN
//
//     {"room_id":"@r"}              the body, after an empty line
//     ----
//     ...
//
// @t1 to @t3 stand for the wallets' tokens, @w1 for an address, @s1 for a signature under the last nonce; @n,
// @r and @c for the last nonce, room_id and connection_id that were answered, @o for the operator's token.
#include "auth/access_token.h"
#include "base/config.h"
#include "base/hex.h"
#include "credits/ledger.h"
#include "dispatch.h"
#include "ethereum/abi.h"
#include "ethereum/keccak256.h"
#include "ethereum/rpc_chain.h"
#include "fuzz.h"
#include "gateway.h"
#include "request_log.h"
#include "rooms/audit.h"
#include "rooms/ban.h"
#include "rooms/sweep.h"
#include "standing_clock.h"
#include "wallet.h"
#include "web_files.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace {

const WebFile& description()
{
    const auto files = web_files();
    return *std::find_if(files.begin(), files.end(),
                         [](const WebFile& file) { return file.name == "openapi.json"; });
}

constexpr base::UnixSeconds first_now = 1767225600;

class SeededRandom : public base::Random
{
  public:
    void fill(unsigned char* bytes, std::size_t count) override
    {
        for (std::size_t i = 0; i < count; ++i)
            bytes[i] = static_cast<unsigned char>(engine());
    }
    std::mt19937_64 engine;
};

const Wallet& wallet(unsigned number)
{
    static const Wallet wallets[] = {Wallet(std::string(31, '\0') + '\1'),
                                     Wallet(std::string(31, '\0') + '\2'),
                                     Wallet(std::string(31, '\0') + '\3')};
    return wallets[number % 3];
}

std::string word(std::uint64_t number)
{
    return ethereum::Uint256(number).to_word();
}

std::string word(const std::string& address)
{
    return std::string(12, '\0') + base::from_hex(address.substr(2)).value();
}

// A node that answers what a good one would, unless the input has something else to say.
class Node : public ethereum::Transport
{
  public:
    std::string post(const std::string& body) override
    {
        if (is_down)
            throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", "down");
        const auto request = base::Json::parse(body);
        base::Json answer{{"jsonrpc", "2.0"}, {"id", request["id"]}};
        if (results.empty()) {
            answer["result"] = result_of(request);
            return answer.dump();
        }
        auto text = answer.dump();
        text.pop_back();
        text += ",\"result\":" + results.front() + "}";
        results.pop_front();
        return text;
    }

    std::deque<std::string> results;
    bool is_down = false;

  private:
    static base::Json result_of(const base::Json& request)
    {
        const auto method = request["method"].get<std::string>();
        if (method == "eth_call")
            return "0x" + base::to_hex(call(request["params"][0]["data"].get<std::string>()));
        if (method == "eth_chainId")
            return "0x18c7";
        if (method == "eth_sendRawTransaction" || method == "eth_getTransactionReceipt" ||
            method == "eth_feeHistory")
            return nullptr;
        if (method == "eth_getTransactionCount")
            return "0x0";
        return method == "eth_getBalance" ? "0xde0b6b3a7640000" : "0x186a0";
    }
    static std::string call(const std::string& data)
    {
        static const std::map<std::string, std::string> answers = {
            {"primaryName(address)", word(64) + word(0) + word(5) + "alice" + std::string(27, '\0')},
            {"verifiedAt(address)", word(1)},
            // a booking of wallet 2 with wallet 1, which begins now and lasts 20 minutes
            {"getBooking(uint256)", word(7) + word(wallet(2).address()) + word(100) + word(1) + word(0) +
                                        word(0) + word(0) + word(0) + word(0) + word(0) + word(0)},
            {"getSlot(uint256)", word(wallet(1).address()) + word(first_now) + word(20) + word(100) +
                                     word(5) + word(10) + word(30) + word(1)},
        };
        for (const auto& [signature, answer] : answers) {
            if (data.compare(2, 8, base::to_hex(ethereum::keccak256(signature).substr(0, 4))) == 0)
                return answer;
        }
        return {};
    }
};

class FuzzedGateway : public Gateway
{
  public:
    const char* const* variables() const override
    {
        written_out_.clear();
        for (const auto& [name, value] : named)
            written_out_.push_back(name + "=" + value);
        pointers_.clear();
        for (const auto& variable : written_out_)
            pointers_.push_back(variable.c_str());
        pointers_.push_back(nullptr);
        return pointers_.data();
    }
    std::size_t read(char* buffer, std::size_t count) override
    {
        const auto read = std::min(count, body.size());
        body.copy(buffer, read);
        body.erase(0, read);
        return read;
    }
    void write(const std::string& bytes) override { written += bytes; }

    std::map<std::string, std::string> named; // variables
    std::string body;
    std::string written;

  private:
    mutable std::vector<std::string> written_out_;
    mutable std::vector<const char*> pointers_;
};

base::Config settings()
{
    base::Config config;
    config.production = false;
    config.database_path = ":memory:";
    config.jwt_secret = "a secret for the fuzzer";
    config.agora_app_id = "0123456789abcdef0123456789abcdef";
    config.agora_app_certificate = "fedcba9876543210fedcba9876543210";
    config.oracle_service_token = "the operator's token";
    config.service_token = "the backend's token";
    config.oracle_private_key = "0x" + std::string(63, '0') + "9";
    config.escrow_address = wallet(0).address();
    config.metrics_token = "the monitor's token";
    config.cors_allowed_origins = {"https://app.example.org", "https://other.example.org"};
    config.rate_limit_sign_in_per_minute = config.rate_limit_create_per_minute =
        config.rate_limit_chain_per_minute = 0; // they would remember one input during the next
    return config;
}

// "/rooms/{room_id}" and "/rooms/:room_id" both become "/rooms/:".
std::string shape_of(std::string_view path)
{
    std::string shape;
    bool is_in_name = false;
    for (const char c : path) {
        is_in_name = is_in_name && c != '/';
        if (!is_in_name)
            shape += c == '{' ? ':' : c;
        is_in_name = is_in_name || c == ':' || c == '{';
    }
    return shape;
}

// The statuses that the description of the interface knows, by "GET /rooms/:".
std::map<std::string, std::set<int>> described_statuses()
{
    std::map<std::string, std::set<int>> statuses;
    const auto document = base::Json::parse(description().text());
    for (const auto& [path, operations] : document["paths"].items()) {
        for (const auto& [method, operation] : operations.items()) {
            std::string key = method + " " + shape_of(path);
            for (std::size_t i = 0; i < method.size(); ++i)
                key[i] = static_cast<char>(key[i] - 'a' + 'A');
            if (operation.contains("responses")) {
                for (const auto& [status, response] : operation["responses"].items())
                    statuses[key].insert(std::stoi(status));
            }
        }
    }
    return statuses;
}

// What the web server gets: a status, headers that cannot be taken for two, and as much as was announced.
void check_written(const std::string& written, const http::Response& response)
{
    const auto end = written.find("\r\n\r\n");
    fuzz::require(end != std::string::npos && written.rfind("Status: ", 0) == 0, "no head");
    std::set<std::string> names;
    fuzz::Input head(std::string_view(written).substr(0, end + 2));
    while (!head.is_empty()) {
        const auto line = head.until('\n');
        const auto colon = line.find(": ");
        fuzz::require(colon != line.npos && line.back() == '\r', "a header of another shape");
        fuzz::require(names.emplace(line.substr(0, colon)).second, "a header comes twice");
        for (const char c : line.substr(0, line.size() - 1))
            fuzz::require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a control in a header");
    }
    const auto body = written.substr(end + 4);
    const bool has_body = !response.is_head && response.status != 204 && response.status != 304;
    fuzz::require(body == (has_body ? response.body : ""), "another body");
}

void check(const http::Request& request, const http::Response& response)
{
    static const auto described = described_statuses();
    const auto status = response.status;
    fuzz::require(status != 500, "an internal error");
    const std::string route = response.route;
    const bool is_page = route == "/" || route == "/operator" || route == "/web/:file";
    const bool is_text = (is_page || route == "/metrics") && status == 200;
    if (route == "/openapi.json" && status == 200) {
        static const auto text = description().text();
        fuzz::require(response.body == text || response.body == description().gzip, "another description");
    } else if (!response.body.empty() && !is_text) {
        const auto body = base::parse_json(response.body);
        fuzz::require(body.is_object(), "an answer that is no object");
        fuzz::require(status < 400 || body.at("error").is_string(), "a refusal without its reason");
    } else {
        fuzz::require(is_text || status == 204 || status == 304 || (is_page && status == 308),
                      "an answer without a body");
    }
    if (request.method == "OPTIONS") {
        fuzz::require(status == 204, "a preflight is refused");
    } else if (route == "none") {
        fuzz::require(status == 404, "an answer from nowhere");
    } else if (status != 405) {
        const auto known =
            described.find((request.method == "HEAD" ? "GET" : request.method) + " " + shape_of(route));
        fuzz::require(known != described.end() && known->second.count(status) == 1,
                      "an answer that the description does not know");
    }
}

// One service; what an input did to it is gone before the next.
class Service
{
  public:
    void run(std::string_view bytes)
    {
        random_.engine.seed(1);
        node_->results.clear();
        node_->is_down = false;
        now_ = first_now;
        nonce_ = std::string(64, '0');
        room_id_ = connection_id_ = "00000000-0000-4000-8000-000000000000";
        constexpr int most_requests = 16;
        for (int i = 0; i < most_requests && !bytes.empty(); ++i) {
            const auto end = std::min(bytes.find(separator), bytes.size());
            serve(substitute(bytes.substr(0, end)));
            bytes.remove_prefix(std::min(end + separator.size(), bytes.size()));
        }
        if (changes() == changes_)
            return;
        for (const auto& violations : {credits::audit(app_.database()), rooms::audit(app_.database())}) {
            if (!violations.empty())
                fuzz::require(false, violations.front().c_str());
        }
        app_.close_database();
        changes_ = changes();
    }

  private:
    static constexpr std::string_view separator = "\n----\n";

    std::int64_t changes()
    {
        auto row = app_.database().prepare("SELECT total_changes()");
        row.step();
        return row.integer(0);
    }

    std::string token(unsigned number) const
    {
        return "Bearer " +
               auth::issue_access_token(config_.jwt_secret, {wallet(number).address(), now_}, now_, 3600);
    }

    std::string substitute(std::string_view text) const
    {
        std::string substituted;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const char next = text[i] == '@' && i + 1 < text.size() ? text[i + 1] : '\0';
            const auto number = static_cast<unsigned>(i + 2 < text.size() ? text[i + 2] - '0' : 0) % 10;
            const bool is_numbered = next == 't' || next == 'w' || next == 's';
            if (next == 't')
                substituted += token(number);
            else if (next == 'w')
                substituted += wallet(number).address();
            else if (next == 's')
                substituted += wallet(number).personal_sign(nonce_);
            else if (next == 'n')
                substituted += nonce_;
            else if (next == 'r')
                substituted += room_id_;
            else if (next == 'c')
                substituted += connection_id_;
            else if (next == 'o')
                substituted += config_.oracle_service_token;
            else if (next == 'b')
                substituted += config_.service_token;
            else {
                substituted += text[i];
                continue;
            }
            i += is_numbered ? 2 : 1;
        }
        return substituted;
    }

    void set(const std::string& name, const std::string& value, FuzzedGateway& gateway)
    {
        if (name == "NOW")
            now_ += std::strtoul(value.c_str(), nullptr, 10) % 1000000;
        else if (name == "RPC")
            node_->results.push_back(value);
        else if (name == "RPC_DOWN")
            node_->is_down = true;
        else if (name == "SWEEP")
            rooms::sweep(app_.database(), config_.rules, now_);
        else if (name == "BAN")
            ban(wallet(static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10) % 10)).address());
        else
            gateway.named[name] = value.substr(0, value.find('\0'));
    }

    void ban(const std::string& address)
    {
        database::Transaction tx(app_.database());
        rooms::ban(app_.database(), address, "fuzz", 3600, now_);
        tx.commit();
    }

    void serve(const std::string& text)
    {
        fuzz::Input input(text);
        FuzzedGateway gateway;
        gateway.named["REQUEST_METHOD"] = input.until(' ');
        gateway.named["REQUEST_URI"] = input.until('\n');
        for (auto line = input.until('\n'); !line.empty(); line = input.until('\n')) {
            const auto equals = std::min(line.find('='), line.size());
            set(std::string(line.substr(0, equals)),
                std::string(line.substr(std::min(equals + 1, line.size()))), gateway);
        }
        gateway.body = input.rest();
        if (!gateway.body.empty())
            gateway.named.try_emplace("CONTENT_LENGTH", std::to_string(gateway.body.size()));

        auto request = read_request(gateway);
        request.now = now_;
        request.now_ms = now_ * 1000;
        const auto response = dispatch(app_, request);
        record(app_, request, response, 1000);
        write_response(gateway, response);
        check(request, response);
        check_written(gateway.written, response);
        remember(response);
    }

    void remember(const http::Response& response)
    {
        static const std::set<std::string> telling = {"/auth/nonce", "/rooms/create", "/rooms/join"};
        if (response.status != 200 || telling.count(response.route) == 0)
            return;
        const auto body = base::Json::parse(response.body);
        nonce_ = body.value("nonce", nonce_);
        room_id_ = body.value("room_id", room_id_);
        connection_id_ = body.value("connection_id", connection_id_);
    }

    const base::Config config_ = settings();
    SeededRandom random_;
    shared::Counters counters_{""};
    Node* node_ = new Node;
    ethereum::RpcChain chain_{std::unique_ptr<ethereum::Transport>(node_), wallet(0).address(),
                              wallet(0).address(), config_.escrow_address};
    base::UnixSeconds now_ = first_now;
    StandingClock clock_{now_};
    App app_{config_, chain_, random_, counters_, clock_};
    std::int64_t changes_ = changes();
    std::string nonce_;
    std::string room_id_;
    std::string connection_id_;
};

} // namespace

FUZZ_TARGET(request)
{
    static Service service;
    service.run(bytes);
}
