#include "exchange.h"

#include "dispatch.h"
#include "request_log.h"

using std::chrono::steady_clock;

void Exchange::carry_out(App& app, Gateway& gateway)
{
    begun_at_ = steady_clock::now();
    request_ = read_request(gateway);
    request_.now_ms = base::system_now_ms(); // after the body, however slowly it came
    request_.now = request_.now_ms / 1000;
    response_ = dispatch(app, request_);
}

void Exchange::withdraw(App& app, const base::Error& error)
{
    response_ = ::withdraw(app, request_, response_, error);
}

void Exchange::reply(App& app, Gateway& gateway) const
{
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - begun_at_);
    record(app, request_, response_, took.count()); // before the client can know that it was served
    write_response(gateway, response_);
}
