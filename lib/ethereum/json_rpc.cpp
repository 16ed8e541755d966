#include "ethereum/json_rpc.h"

#include "base/error.h"
#include "base/hex.h"

#include <chrono>

namespace ethereum {

namespace {

[[noreturn]] void refuse(const std::string& why)
{
    throw base::Error(base::ErrorCode::chain_unavailable, "chain_unavailable", why);
}

base::Json parse_answer(const std::string& text)
{
    try {
        return base::parse_json(text);
    } catch (const base::Error&) {
        refuse("the node did not answer in JSON");
    }
}

RpcError read_error(const base::Json& error)
{
    RpcError read;
    if (!error.is_object())
        return read;
    if (const auto code = error.find("code"); code != error.end() && code->is_number_integer())
        read.code = code->get<std::int64_t>();
    if (const auto message = error.find("message"); message != error.end() && message->is_string())
        read.message = message->get<std::string>();
    if (const auto data = error.find("data"); data != error.end() && data->is_string()) {
        const auto& text = data->get_ref<const std::string&>();
        if (text.rfind("0x", 0) == 0)
            read.data = base::from_hex(std::string_view(text).substr(2)).value_or("");
    }
    return read;
}

} // namespace

base::Json JsonRpc::call(const std::string& method, const base::Json& params)
{
    auto answer = try_call(method, params);
    if (const auto* error = std::get_if<RpcError>(&answer))
        refuse(method + " failed with code " + (error->code != 0 ? std::to_string(error->code) : "unknown"));
    return std::get<base::Json>(std::move(answer));
}

std::variant<base::Json, RpcError> JsonRpc::try_call(const std::string& method, const base::Json& params)
{
    using Steady = std::chrono::steady_clock;
    const auto begun = Steady::now();
    const auto report = [&](const char* outcome) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begun);
        if (observer_ != nullptr)
            observer_->on_call(method, outcome, took.count());
    };
    try {
        auto answer = ask(method, params);
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
        refuse("the node's answer is no object");
    if (const auto error = answer.find("error"); error != answer.end() && !error->is_null())
        return read_error(*error);
    const auto answered_id = answer.find("id");
    if (answered_id == answer.end() || !answered_id->is_number_integer() || *answered_id != id)
        refuse("the node answered another request");
    const auto result = answer.find("result");
    if (result == answer.end())
        refuse("the node's answer has no result");
    return *result;
}

std::string JsonRpc::eth_call(const std::string& contract, const std::string& calldata)
{
    const base::Json call_object{{"to", contract}, {"data", "0x" + base::to_hex(calldata)}};
    const auto result = call("eth_call", base::Json::array({call_object, "latest"}));
    if (!result.is_string())
        refuse("eth_call gave no text");
    const auto& text = result.get_ref<const std::string&>();
    const auto bytes =
        text.rfind("0x", 0) == 0 ? base::from_hex(std::string_view(text).substr(2)) : std::nullopt;
    if (!bytes)
        refuse("eth_call gave no hex data");
    if (bytes->empty())
        refuse("eth_call gave no data; is there a contract at " + contract + "?");
    return *bytes;
}

} // namespace ethereum
