// Requests that bear an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header).
#pragma once

#include "routes.h"

// Carries out a request that bears an idempotency key, or repeats the answer that it got before. The effect
// and the answer are one transaction: a worker that is killed between the two leaves neither, and the next
// attempt finds nothing done. After an answer that is not final it finds nothing done either; a stay that was
// settled on the way to it is settled again, to the same second. A refusal that changed nothing is not kept:
// it says the same again, and nobody can fill the disk with refusals.
http::Response answer_once(App& app, const Route& route, const Call& call);
