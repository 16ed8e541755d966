// What is sent for a message, and what its answer means.
#pragma once

#include "http_client/client.h"
#include "outbox/queue.h"

namespace base {
struct Config;
}

namespace outbox {

// By the specification of Standard Webhooks for the application, by Agora's documentation for Agora. `now`
// stands in the request. Throws Error(internal) for data of another form.
http_client::Request compose(const base::Config& config, const Attempt& attempt, base::UnixSeconds now);

// Of a message to Agora: when it is too late for it. Throws as compose() does.
base::UnixSeconds good_until(const Attempt& attempt);

Result judge(const Attempt& attempt, const http_client::Answer& answer, base::UnixSeconds now);

} // namespace outbox
