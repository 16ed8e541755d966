#include "fields.h"

#include "base/error.h"
#include "base/random.h"

namespace {

using base::Error;
using base::ErrorCode;

[[noreturn]] void refuse(const char* name)
{
    throw Error(ErrorCode::invalid_argument, std::string("invalid ") + name);
}

const base::Json* find(const base::Json& body, const char* name)
{
    const auto field = body.find(name);
    return field == body.end() || field->is_null() ? nullptr : &*field;
}

} // namespace

std::optional<std::string> text_field(const base::Json& body, const char* name)
{
    const auto* field = find(body, name);
    if (field == nullptr)
        return std::nullopt;
    if (!field->is_string())
        refuse(name);
    auto text = field->get<std::string>();
    if (text.empty())
        return std::nullopt;
    return text;
}

std::optional<bool> bool_field(const base::Json& body, const char* name)
{
    const auto* field = find(body, name);
    if (field == nullptr)
        return std::nullopt;
    if (!field->is_boolean())
        refuse(name);
    return field->get<bool>();
}

std::optional<std::string> uuid_field(const base::Json& body, const char* name)
{
    auto text = text_field(body, name);
    if (text && !base::is_uuid(*text))
        refuse(name);
    return text;
}

void require_fields(bool present, const char* otherwise)
{
    if (!present)
        throw Error(ErrorCode::invalid_argument, otherwise);
}
