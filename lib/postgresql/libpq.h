// The functions of libpq that the driver uses. The library is loaded when the first connection is made, so
// that who stays with SQLite need not have it and does not pay for it.
#pragma once

#include <libpq-fe.h>

namespace postgresql {

struct Libpq
{
    decltype(&::PQconnectdbParams) connect;
    decltype(&::PQconninfoParse) parse_uri;
    decltype(&::PQconninfoFree) free_options;
    decltype(&::PQfinish) finish;
    decltype(&::PQstatus) status;
    decltype(&::PQsocket) socket;
    decltype(&::PQerrorMessage) error_message;
    decltype(&::PQsetnonblocking) set_nonblocking;
    decltype(&::PQenterPipelineMode) enter_pipeline_mode;
    decltype(&::PQexitPipelineMode) exit_pipeline_mode;
    decltype(&::PQpipelineSync) pipeline_sync;
    decltype(&::PQsendQuery) send_script;
    decltype(&::PQsendPrepare) send_prepare;
    decltype(&::PQsendQueryPrepared) send_prepared;
    decltype(&::PQsendQueryParams) send_query;
    decltype(&::PQflush) flush;
    decltype(&::PQconsumeInput) consume_input;
    decltype(&::PQisBusy) is_busy;
    decltype(&::PQgetResult) get_result;
    decltype(&::PQresultStatus) result_status;
    decltype(&::PQresultErrorField) error_field;
    decltype(&::PQcmdTuples) changed_rows;
    decltype(&::PQntuples) row_count;
    decltype(&::PQnfields) column_count;
    decltype(&::PQfname) column_name;
    decltype(&::PQgetisnull) is_null;
    decltype(&::PQgetvalue) value;
    decltype(&::PQgetlength) length;
    decltype(&::PQclear) clear;
    decltype(&::PQsetNoticeProcessor) set_notice_processor;
};

// Throws Error(database_unavailable) if it is not installed, or older than PostgreSQL 14, which brought
// pipelines.
const Libpq& libpq();

// The same for tests, which put functions of their own in its place.
Libpq& changeable_libpq();

} // namespace postgresql
