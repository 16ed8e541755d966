#include "postgresql/libpq.h"

#include "base/error.h"

#include <dlfcn.h>
#include <string>

namespace postgresql {

namespace {

using base::Error;
using base::ErrorCode;

[[noreturn]] void missing(const std::string& what)
{
    throw Error(ErrorCode::database_unavailable, "database_unavailable",
                what + "; install libpq5, of PostgreSQL 14 or later");
}

template <class Function>
void find(void* library, const char* name, Function& function)
{
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (function == nullptr)
        missing(std::string("libpq has no ") + name);
}

Libpq load()
{
    void* const library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        missing(::dlerror());
    Libpq found = {};
    find(library, "PQconnectdbParams", found.connect);
    find(library, "PQconninfoParse", found.parse_uri);
    find(library, "PQconninfoFree", found.free_options);
    find(library, "PQfinish", found.finish);
    find(library, "PQstatus", found.status);
    find(library, "PQsocket", found.socket);
    find(library, "PQerrorMessage", found.error_message);
    find(library, "PQsetnonblocking", found.set_nonblocking);
    find(library, "PQenterPipelineMode", found.enter_pipeline_mode);
    find(library, "PQexitPipelineMode", found.exit_pipeline_mode);
    find(library, "PQpipelineSync", found.pipeline_sync);
    find(library, "PQsendQuery", found.send_script);
    find(library, "PQsendPrepare", found.send_prepare);
    find(library, "PQsendQueryPrepared", found.send_prepared);
    find(library, "PQsendQueryParams", found.send_query);
    find(library, "PQflush", found.flush);
    find(library, "PQconsumeInput", found.consume_input);
    find(library, "PQisBusy", found.is_busy);
    find(library, "PQgetResult", found.get_result);
    find(library, "PQresultStatus", found.result_status);
    find(library, "PQresultErrorField", found.error_field);
    find(library, "PQcmdTuples", found.changed_rows);
    find(library, "PQntuples", found.row_count);
    find(library, "PQnfields", found.column_count);
    find(library, "PQfname", found.column_name);
    find(library, "PQgetisnull", found.is_null);
    find(library, "PQgetvalue", found.value);
    find(library, "PQgetlength", found.length);
    find(library, "PQclear", found.clear);
    find(library, "PQsetNoticeProcessor", found.set_notice_processor);
    return found;
}

} // namespace

Libpq& changeable_libpq()
{
    static auto loaded = load(); // tried again by the next call if it throws
    return loaded;
}

const Libpq& libpq()
{
    return changeable_libpq();
}

} // namespace postgresql
