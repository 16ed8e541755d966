// One request and its answer, whichever protocol they travel by.
#pragma once

#include "app.h"
#include "base/error.h"
#include "gateway.h"
#include "http.h"

#include <chrono>

class Exchange
{
  public:
    // Reads the request, stamps the time, and carries it out.
    void carry_out(App& app, Gateway& gateway);
    // Makes it an error: what was done may not be on the disk.
    void withdraw(App& app, const base::Error& error);
    // Counts and logs the request, and sends the answer.
    void reply(App& app, Gateway& gateway) const;

  private:
    std::chrono::steady_clock::time_point begun_at_ = {};
    http::Request request_ = {};
    http::Response response_ = {};
};
