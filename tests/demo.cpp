// What a client does, step by step, against a running copy: signs in with a fresh wallet, creates a room,
// joins it, says that it is alive, renews its token, leaves.  usage: demo http://127.0.0.1:3338
#include "base/json.h"
#include "base/random.h"
#include "wallet.h"

#include <curl/curl.h>
#include <iostream>
#include <stdexcept>
#include <unistd.h>

namespace {

class Client
{
  public:
    explicit Client(std::string address) : address_(std::move(address)) {}

    base::Json get(const std::string& path) { return request(path, nullptr); }
    base::Json post(const std::string& path, const base::Json& body) { return request(path, &body); }

    std::string token;

  private:
    base::Json request(const std::string& path, const base::Json* body)
    {
        CURL* curl = curl_easy_init();
        std::string answer;
        const std::string url = address_ + path;
        const std::string sent = body == nullptr ? "" : body->dump();
        curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
        if (!token.empty())
            headers = curl_slist_append(headers, ("Authorization: Bearer " + token).c_str());
        curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
        if (body != nullptr)
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent.c_str());
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
        curl_easy_setopt(
            curl, CURLOPT_WRITEFUNCTION, +[](char* bytes, std::size_t, std::size_t count, void* into) {
                static_cast<std::string*>(into)->append(bytes, count);
                return count;
            });
        const auto code = curl_easy_perform(curl);
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        if (code != CURLE_OK)
            throw std::runtime_error(url + ": " + curl_easy_strerror(code) + " (is `make run` running?)");
        if (status != 200)
            throw std::runtime_error(url + " answered " + std::to_string(status) + " " + answer);
        return base::parse_json(answer);
    }

    std::string address_;
};

void say(const std::string& step, const std::string& result)
{
    std::cout << step << std::string(step.size() < 14 ? 14 - step.size() : 1, ' ') << result << std::endl;
}

std::string seconds(const base::Json& number)
{
    return number.dump() + " s";
}

void run(const std::string& address)
{
    base::SystemRandom random;
    std::string key(32, '\0');
    random.fill(reinterpret_cast<unsigned char*>(key.data()), key.size());
    const Wallet wallet(key);
    Client client(address);

    say("wallet", wallet.address() + ", made just now");
    const std::string nonce = client.post("/auth/nonce", {{"wallet", wallet.address()}})["nonce"];
    say("nonce", nonce);
    client.token = client.post("/auth/verify", {{"wallet", wallet.address()},
                                                {"nonce", nonce},
                                                {"signature", wallet.personal_sign(nonce)}})["token"];
    say("verify", "signed in, an access token of " + std::to_string(client.token.size()) + " characters");

    const auto room = client.post("/rooms/create", base::Json::object());
    say("create", "room " + room["room_id"].get<std::string>());
    const auto credit = client.get("/credits");
    say("credits", seconds(credit["remaining_seconds"]) + " remain, for the .heaven name");
    const auto seat = client.post("/rooms/join", {{"room_id", room["room_id"]}});
    say("join", "as Agora uid " + seat["agora_uid"].dump() + ", with a token for " +
                    seconds(seat["token_expires_in_seconds"]));
    const auto listing = client.get("/rooms/active");
    say("listing", std::to_string(listing["rooms"].size()) + " open room(s) to be seen by everybody");

    const base::Json caller{{"room_id", seat["room_id"]}, {"connection_id", seat["connection_id"]}};
    sleep(2);
    const auto beat = client.post("/rooms/heartbeat", caller);
    say("heartbeat", seconds(beat["remaining_seconds"]) + " remain after two seconds of talk");
    const auto renewal = client.post("/rooms/token/renew", caller);
    say("renew", "a new token for " + seconds(renewal["token_expires_in_seconds"]));
    const auto departure = client.post("/rooms/leave", caller);
    say("leave", seconds(departure["debited_seconds"]) + " charged, " +
                     seconds(departure["remaining_seconds"]) + " remain, the room is " +
                     (departure["closed"].get<bool>() ? "closed" : "open"));
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::cerr << "usage: demo URL\n";
        return 2;
    }
    try {
        run(argv[1]);
    } catch (const std::exception& error) {
        std::cerr << "demo: " << error.what() << "\n";
        return 1;
    }
}
