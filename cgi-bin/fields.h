// Reading the fields of a request's body.
#pragma once

#include "base/json.h"

#include <optional>
#include <string>

// The text of a field; nothing if it is absent, null or empty.
// Throws Error(invalid_argument, "invalid <name>") for a field of another type.
std::optional<std::string> text_field(const base::Json& body, const char* name);

// The same for a truth value.
std::optional<bool> bool_field(const base::Json& body, const char* name);

// The same for a UUID.
std::optional<std::string> uuid_field(const base::Json& body, const char* name);

// Throws Error(invalid_argument, `otherwise`) unless the value is there.
void require_fields(bool present, const char* otherwise);
