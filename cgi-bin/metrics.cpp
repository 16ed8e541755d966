#include "metrics.h"

#include "base/error.h"
#include "base/log.h"
#include "metrics/report.h"

http::Response get_metrics(App& app, const Call& call)
{
    database::Connection* db = nullptr;
    try {
        db = &app.database();
    } catch (const base::Error& error) {
        base::log(std::string("the metrics go without the database: ") + error.what());
    }
    http::Response response;
    response.body = metrics::report(app.counters, db, app.config, call.request.now);
    response.headers.emplace_back("Content-Type", metrics::content_type);
    return response;
}
