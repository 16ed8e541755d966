// The context of a request that may charge somebody.
#pragma once

#include "call.h"
#include "rooms/context.h"

// What was charged is noted at the end of the scope, whether or not the request was refused.
class Charging
{
  public:
    // Of who begins a Transaction, which asks whether the database is in its place.
    Charging(App& app, base::UnixSeconds now) : Charging(app, app.connection(), now) {}
    // Of who may only read from app.database().
    Charging(App& app, database::Connection& db, base::UnixSeconds now)
        : context(db, app.rules, now), app_(app)
    {
    }
    ~Charging() { app_.debited_seconds += context.debited_seconds(); }
    Charging(const Charging&) = delete;
    Charging& operator=(const Charging&) = delete;

    rooms::Context context;

  private:
    App& app_;
};
