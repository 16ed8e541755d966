// cgi-bin/openapi.json as the tests hold the program against it. The end-to-end tests do the same with
// headers and formats (tests/e2e/contract.mjs).
#pragma once

#include "base/json.h"
#include "http.h"
#include "routes.h"

#include <string>
#include <vector>

namespace contract {

const base::Json& document();

// A field that the document lets clients send.
struct Field
{
    const Route* route;
    std::string name;
    base::Json schema; // without references, and without null
    std::string place; // where the document has it
    base::Json body;   // one that has it
};
std::vector<Field> request_fields();

// What takes the most room of all that a client may send there: every text that the document bounds, as long
// as it may be.
base::Json longest_body(const std::string& path);

// What is wrong with `value` by the schema at that place of the document; empty if nothing is.
std::string problem_at(const base::Json::json_pointer& place, const base::Json& value);
// Whether the document lets a client send `value` in that field.
bool is_allowed(const Field& field, const base::Json& value);

// What of the answer the document does not have: its status, a field of it, an error; or what the request had
// that was answered with 200 and that no client is told to send. Empty if there is nothing.
std::string undescribed(const http::Request& request, const http::Response& response);

// What of a webhook's data the document does not have, or has otherwise.
std::string undescribed_message(const std::string& type, const base::Json& data);

} // namespace contract
