#include "app.h"

#include "sqlite/migrate.h"

sqlite::Database& App::database()
{
    if (!database_)
        database_ = sqlite::open_migrated(config.database_path, config.database_busy_timeout_ms);
    if (!is_in_place_)
        database_->require_in_place();
    is_in_place_ = true;
    return *database_;
}
