// What the tests of signing in share.
#pragma once

#include "ethereum/address.h"
#include "handler_fixture.h"

inline base::Json claims_of(const std::string& token)
{
    const auto first_dot = token.find('.');
    const auto last_dot = token.rfind('.');
    return base::Json::parse(
        base::from_base64url(token.substr(first_dot + 1, last_dot - first_dot - 1)).value());
}

class SignInFixture : public HandlerFixture
{
  public:
    std::string nonce_for(const std::string& wallet_address)
    {
        const auto reply = post("/auth/nonce", {{"wallet", wallet_address}});
        BOOST_REQUIRE_MESSAGE(reply.status == 200, reply.body.dump());
        return reply.body.at("nonce");
    }
    Reply verify(const std::string& wallet_address, const std::string& nonce, const std::string& signature)
    {
        return post("/auth/verify", {{"wallet", wallet_address}, {"nonce", nonce}, {"signature", signature}});
    }
    // As a wallet does it that signs the nonce's text.
    Reply sign_in(unsigned number, const std::string& nonce)
    {
        return verify(address(number), nonce, wallet(number).personal_sign(nonce));
    }
    // A signed message of EIP-4361 that is good here and now; a test changes what it is about.
    struct Message
    {
        std::string domain = "app.example.org";
        std::string uri = "https://app.example.org/login";
        std::string chain_id = "1";
        std::string nonce;
        base::UnixSeconds issued_at = 0;
        std::string more; // lines behind these, each with a line break before it
    };
    std::string write(const std::string& wallet_address, const Message& message) const
    {
        return message.domain + " wants you to sign in with your Ethereum account:\n" +
               ethereum::to_checksum_address(wallet_address) + "\n\nTo talk.\n\nURI: " + message.uri +
               "\nVersion: 1\nChain ID: " + message.chain_id + "\nNonce: " + message.nonce +
               "\nIssued At: " + base::iso8601(message.issued_at) + message.more;
    }
    Message message_for(const std::string& wallet_address)
    {
        Message message;
        message.nonce = nonce_for(wallet_address);
        message.issued_at = now;
        return message;
    }
    // As it comes from that Host.
    Reply verify_message(const std::string& text, const std::string& signature,
                         const std::string& host = "app.example.org")
    {
        auto asked =
            request("POST", "/auth/verify", base::Json{{"message", text}, {"signature", signature}}.dump());
        asked.host = host;
        return send(asked);
    }
    Reply sign_message(unsigned number, const Message& message, const std::string& host = "app.example.org")
    {
        const auto text = write(address(number), message);
        return verify_message(text, wallet(number).personal_sign(text), host);
    }
};
