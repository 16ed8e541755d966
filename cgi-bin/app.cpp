#include "app.h"

database::Connection& App::database()
{
    if (!database_)
        database_ = storage::open(config);
    if (!is_in_place_)
        database_->require_in_place();
    is_in_place_ = true;
    return *database_;
}
