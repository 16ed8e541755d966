#include "ethereum/json_rpc.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"

#include <algorithm>
#include <chrono>
#include <regex>

namespace ethereum {

void refuse_answer(const std::string& why)
{
    throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", why);
}

namespace {

base::Json parse_answer(const std::string& text)
{
    try {
        return base::parse_json(text);
    } catch (const base::Error&) {
        refuse_answer("the node did not answer in JSON");
    }
}

// Raw bytes of "0x...", and of "Reverted 0x..." as OpenEthereum and Nethermind write it.
std::string read_data(std::string_view text)
{
    constexpr std::string_view reverted = "Reverted ";
    if (text.starts_with(reverted))
        text.remove_prefix(reverted.size());
    return text.starts_with("0x") ? base::from_hex(text.substr(2)).value_or("") : "";
}

// EIP-1474's code for it, what providers put there of HTTP, and that of Hedera's relay.
bool is_rate_limit(const RpcError& error)
{
    return error.code == -32005 || error.code == 429 || error.code == -32605;
}

RpcError read_error(const base::Json& error)
{
    RpcError read; // which is empty where the error is no object: nothing is found in it
    if (const auto code = error.find("code"); code != error.end() && code->is_number_integer())
        read.code = code->get<std::int64_t>();
    if (const auto message = error.find("message"); message != error.end() && message->is_string())
        read.message = message->get<std::string>();
    if (const auto data = error.find("data"); data != error.end() && data->is_string()) {
        read.data = read_data(data->get_ref<const std::string&>());
    }
    return read;
}

} // namespace

std::string readable(const std::string& text)
{
    constexpr std::size_t longest = 200;
    auto shown = text.substr(0, longest);
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return shown;
}

void log_answer(const std::string& method, const RpcError& error)
{
    static const std::regex address("[^ ]*://[^ ]*");
    static const std::regex long_hex("[0-9A-Fa-f]{65,}");
    constexpr std::size_t longest = 2000; // that is looked through
    auto words = std::regex_replace(error.message.substr(0, longest), address, "(an address)");
    words = std::regex_replace(words, long_hex, "(bytes)");
    base::log("the node answered " + method + " with code " + std::to_string(error.code) + ": " +
              readable(words));
}

base::Json JsonRpc::call(const std::string& method, const base::Json& params)
{
    auto answer = try_call(method, params);
    if (const auto* error = std::get_if<RpcError>(&answer)) {
        log_answer(method, *error);
        refuse_answer(method + " failed with code " +
                      (error->code != 0 ? std::to_string(error->code) : "unknown"));
    }
    return std::get<base::Json>(std::move(answer));
}

std::variant<base::Json, RpcError> JsonRpc::try_call(const std::string& method, const base::Json& params)
{
    using Steady = std::chrono::steady_clock;
    if (observer_ != nullptr)
        observer_->before_call();
    const auto begun = Steady::now();
    const auto report = [&](const char* outcome) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun);
        if (observer_ != nullptr)
            observer_->on_call(method, outcome, took.count());
    };
    try {
        auto answer = ask(method, params);
        if (const auto* error = std::get_if<RpcError>(&answer); error != nullptr && is_rate_limit(*error)) {
            log_answer(method, *error);
            refuse_answer("the node is asked too much");
        }
        report(std::holds_alternative<RpcError>(answer) ? "error" : "ok");
        return answer;
    } catch (const base::Error&) {
        report("unavailable");
        throw;
    }
}

std::variant<base::Json, RpcError> JsonRpc::ask(const std::string& method, const base::Json& params)
{
    const auto id = ++last_id_;
    const base::Json request{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
    const auto answer = parse_answer(transport_.post(request.dump()));

    if (!answer.is_object())
        refuse_answer("the node's answer is no object");
    if (const auto error = answer.find("error"); error != answer.end() && !error->is_null()) {
        auto read = read_error(*error);
        read.message = transport_.without_address(std::move(read.message));
        return read;
    }
    const auto answered_id = answer.find("id");
    if (answered_id == answer.end() || !answered_id->is_number_integer() || *answered_id != id)
        refuse_answer("the node answered another request");
    const auto result = answer.find("result");
    if (result == answer.end())
        refuse_answer("the node's answer has no result");
    return *result;
}

std::string JsonRpc::eth_call(const std::string& contract, const std::string& calldata)
{
    const base::Json call_object{{"to", contract}, {"data", "0x" + base::to_hex(calldata)}};
    const auto result = call("eth_call", base::Json::array({call_object, "latest"}));
    if (!result.is_string())
        refuse_answer("eth_call gave no text");
    const auto& text = result.get_ref<const std::string&>();
    const auto bytes =
        text.starts_with("0x") ? base::from_hex(std::string_view(text).substr(2)) : std::nullopt;
    if (!bytes)
        refuse_answer("eth_call gave no hex data");
    if (bytes->empty())
        refuse_answer("eth_call gave no data; is there a contract at " + contract + "?");
    return *bytes;
}

} // namespace ethereum
