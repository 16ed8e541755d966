// Writes messages into the outbox, as the domain does in its transactions: a line of JSON for each on
// standard input, {"destination", "stream" (or null), "type", "data"}. Lines up to an empty one are one
// transaction. usage: outbox-write SETTINGS_FILE
#include "base/config.h"
#include "base/startup.h"
#include "database/transaction.h"
#include "outbox/outbox.h"
#include "storage/open.h"

#include <iostream>
#include <vector>

namespace {

outbox::Message read(const std::string& line)
{
    const auto json = base::parse_json(line);
    outbox::Message message;
    if (json.at("destination") == "agora")
        message.destination = outbox::Destination::agora;
    if (json.at("stream").is_string())
        message.stream = json["stream"].get<std::string>();
    message.type = json.at("type");
    message.data = json.at("data");
    message.happened_at = message.due_at = base::system_now();
    return message;
}

} // namespace

int main(int, char** argv)
{
    try {
        const auto config = base::start(argv[1], base::Program::tool);
        const auto db = storage::open(config);
        std::vector<outbox::Message> messages;
        const auto write = [&] {
            database::transact(*db, [&] {
                for (const auto& message : messages)
                    outbox::write(*db, message);
            });
            messages.clear();
        };
        for (std::string line; std::getline(std::cin, line);) {
            if (line.empty())
                write();
            else
                messages.push_back(read(line));
        }
        write();
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
