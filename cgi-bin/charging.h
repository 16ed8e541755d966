// The context of a request that may charge somebody.
#pragma once

#include "call.h"
#include "rooms/context.h"

// What was charged is noted at the end of the scope, whether or not the request was refused.
class Charging
{
  public:
    Charging(App& app, base::UnixSeconds now) : context(app.database(), app.config.rules, now), app_(app) {}
    ~Charging() { app_.debited_seconds += context.debited_seconds(); }
    Charging(const Charging&) = delete;
    Charging& operator=(const Charging&) = delete;

    rooms::Context context;

  private:
    App& app_;
};
