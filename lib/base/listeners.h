// Who is told of what happens.
#pragma once

namespace base {

// Whether there is somebody to tell; a message costs a row.
struct Listeners
{
    bool tells_application = false; // WEBHOOK_URL is set
    bool tells_agora = false;       // AGORA_CUSTOMER_ID is set
};

} // namespace base
