#include "app.h"

database::Connection& App::connection()
{
    if (!database_)
        database_ = storage::open(config);
    return *database_;
}

database::Connection& App::database()
{
    auto& db = connection();
    if (!is_in_place_)
        db.require_in_place();
    is_in_place_ = true;
    return db;
}
