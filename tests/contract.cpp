#include "contract.h"

#include "fixture.h"

#include <map>
#include <memory>
#include <optional>
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <regex>

namespace contract {

namespace {

using base::Json;
using Pointer = Json::json_pointer;

Pointer pointer_of(const Json& reference)
{
    return Pointer(reference.at("$ref").get<std::string>().substr(1));
}

// The place that `pointer` means, through references.
std::optional<Pointer> resolve(Pointer pointer)
{
    while (document().contains(pointer)) {
        const auto& node = document().at(pointer);
        if (!node.contains("$ref"))
            return pointer;
        pointer = pointer_of(node);
    }
    return std::nullopt;
}

// A schema by itself: what it refers to stands in it. Clients are to ignore fields that they do not know;
// here whoever adds one is to describe it.
Json closed(const Json& node)
{
    if (!node.is_structured())
        return node;
    if (node.contains("$ref"))
        return closed(document().at(resolve(pointer_of(node)).value()));
    auto copy = node;
    for (auto& part : copy)
        part = closed(part);
    if (node.contains("properties") && !node.contains("additionalProperties"))
        copy["additionalProperties"] = false;
    return copy;
}

class Schema
{
  public:
    explicit Schema(const Json& schema) : schema_(parse(schema)) {}

    // What is wrong with `value`; empty if nothing is.
    std::string problem_of(const Json& value) const
    {
        const auto parsed = parse(value);
        rapidjson::SchemaValidator validator(schema_);
        if (parsed.Accept(validator))
            return {};
        rapidjson::StringBuffer where, rule;
        validator.GetInvalidDocumentPointer().StringifyUriFragment(where);
        validator.GetInvalidSchemaPointer().StringifyUriFragment(rule);
        return std::string(where.GetString()) + " against \"" + validator.GetInvalidSchemaKeyword() +
               "\" of " + rule.GetString();
    }

  private:
    static rapidjson::Document parse(const Json& value)
    {
        rapidjson::Document parsed;
        parsed.Parse(value.dump().c_str());
        return parsed;
    }

    rapidjson::SchemaDocument schema_;
};

// Where the document describes the operation; none if the path has none of that method.
std::optional<Pointer> operation_at(const std::string& method, const Match& found)
{
    const auto* route = found.meant == nullptr ? nullptr : found.with_method(method);
    if (route == nullptr)
        return std::nullopt;
    static const std::regex id(":[a-z_]+"), described_id("\\{[a-z_]+\\}");
    const auto shape = std::regex_replace(route->path, id, "*");
    for (const auto& [path, operations] : document().at("paths").items())
        if (std::regex_replace(path, described_id, "*") == shape)
            return Pointer("/paths") / path / lowercase(route->method);
    return Pointer("/paths") / route->path; // where nothing is
}

// Where the document describes an answer of that status.
Pointer response_at(const http::Request& request, int status, const Json& body)
{
    const Pointer anywhere("/x-any-path");
    const auto only = [&](const Pointer& place, int expected) {
        return status == expected ? place : place / "another status";
    };
    if (request.method == "OPTIONS")
        return only(anywhere / "OPTIONS", 204);
    const auto found = match(request.path);
    const bool is_switched_off = found.meant != nullptr && found.meant->access != Access::everybody &&
                                 found.meant->access != Access::wallet &&
                                 found.meant->access != Access::service &&
                                 body == Json{{"error", "not_found"}};
    if (found.meant == nullptr || is_switched_off)
        return only(anywhere / "unknown", 404);
    const auto operation = operation_at(request.method, found);
    return operation ? *operation / "responses" / std::to_string(status)
                     : only(anywhere / "other methods", 405);
}

// Every way in which a request's body may be made up.
std::vector<Pointer> alternatives(const Pointer& schema)
{
    const auto place = resolve(schema).value();
    std::vector<Pointer> found;
    const auto choices = document().at(place).value("oneOf", Json::array());
    for (std::size_t i = 0; i < choices.size(); ++i)
        found.push_back(resolve(place / "oneOf" / i).value());
    return found.empty() ? std::vector{place} : found;
}

// The schema without its reference, and without the choice of null.
Json plain(const Pointer& schema)
{
    const auto place = resolve(schema).value();
    const auto& node = document().at(place);
    for (const auto* choice : {"anyOf", "oneOf"})
        if (node.contains(choice))
            return plain(place / choice / 0);
    return node;
}

} // namespace

const Json& document()
{
    static const auto read = Json::parse(contents_of("cgi-bin/openapi.json"));
    return read;
}

std::vector<Field> request_fields()
{
    std::vector<Field> fields;
    for (const auto& route : all_routes()) {
        const auto operation = operation_at(route.method, match(route.path));
        const auto asked = resolve(operation.value() / "requestBody");
        if (!asked)
            continue;
        const auto content = *asked / "content" / "application/json";
        for (const auto& body : alternatives(content / "schema")) {
            const auto properties = document().at(body).value("properties", Json::object());
            auto example = document().at(content / "example");
            for (const auto& required : document().at(body).value("required", std::vector<std::string>()))
                example.emplace(required, "x");
            for (const auto& [name, schema] : properties.items()) {
                const auto place = body / "properties" / name;
                fields.push_back({&route, name, plain(place), place.to_string(), example});
            }
        }
    }
    return fields;
}

Json longest_body(const std::string& path)
{
    auto body = Json::object();
    for (const auto& field : request_fields()) {
        if (field.route->path != path || !field.schema.contains("maxLength"))
            continue;
        std::string text;
        for (auto characters = field.schema.at("maxLength").get<int>(); characters > 0; --characters)
            text += "\U0001f399"; // four bytes
        body[field.name] = text;
    }
    return body;
}

std::string problem_at(const Pointer& place, const Json& value)
{
    static std::map<std::string, std::unique_ptr<Schema>> schemas;
    auto& schema = schemas[place.to_string()];
    if (!schema)
        schema = std::make_unique<Schema>(closed(document().at(place)));
    return schema->problem_of(value);
}

bool is_allowed(const Field& field, const Json& value)
{
    return problem_at(Pointer(field.place), value).empty();
}

std::string undescribed(const http::Request& request, const http::Response& response)
{
    const auto body =
        response.body.empty() || response.body.front() != '{' ? Json() : Json::parse(response.body);
    const auto place = resolve(response_at(request, response.status, body));
    if (!place)
        return "an answer of this status";
    const auto type = *place / "content" / "application/json" / "schema";
    if (!document().contains(type) && !body.is_null())
        return "an answer of JSON";
    if (document().contains(type) && request.method != "HEAD")
        if (const auto problem = problem_at(type, body); !problem.empty())
            return "the answer's " + problem;
    const auto found = match(request.path);
    const auto operation = operation_at(request.method, found);
    const auto asked = operation ? resolve(*operation / "requestBody") : std::nullopt;
    // Agora sends what it likes.
    if (response.status != 200 || !asked || request.body.empty() || found.meant->access == Access::agora)
        return {};
    const auto problem =
        problem_at(*asked / "content" / "application/json" / "schema", Json::parse(request.body));
    return problem.empty() ? problem : "the request's " + problem;
}

std::string undescribed_message(const std::string& type, const Json& data)
{
    const auto content =
        Pointer("/webhooks") / type / "post" / "requestBody" / "content" / "application/json";
    const auto schema = content / "schema" / "properties" / "data";
    return document().contains(schema) ? problem_at(schema, data) : "the type " + type;
}

} // namespace contract
