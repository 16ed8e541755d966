// Signed messages: what is read follows the grammar to the letter, and nothing that was changed where it
// matters is read as before. Wrappers of signatures are opened or refused.
#include "auth/siwe_message.h"
#include "ethereum/contract_signature.h"
#include "fuzz.h"

#include <algorithm>
#include <string>

namespace {

const std::string known = "https://example.org:8080 wants you to sign in with your Ethereum account:\n"
                          "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n\nTo talk.\n\n"
                          "URI: https://example.org/login?a=b#c\nVersion: 1\nChain ID: 6343\n"
                          "Nonce: 12345678abcdef\nIssued At: 2026-01-01T00:00:00.000Z\n"
                          "Expiration Time: 2026-01-01T00:05:00+01:00\nNot Before: 2026-01-01T00:00:00Z\n"
                          "Request ID: 7%20a\nResources:\n- https://[::1]/a\n- urn:b:c";

void check(const std::string& text)
{
    const auto message = auth::parse_siwe_message(text);
    if (!message)
        return;
    const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
    fuzz::require(has(" wants you to sign in with your Ethereum account:\n0x"), "no first line");
    fuzz::require(has("\nNonce: " + message->nonce + "\nIssued At: "), "another nonce than the text's");
    fuzz::require(has(message->chain_id + "\nNonce: "), "another chain than the text's");
    fuzz::require(has("\nVersion: 1\n"), "another version");
    fuzz::require(message->nonce.size() >= 8 && message->wallet.size() == 42 && !message->domain.empty(),
                  "a field is missing");
    fuzz::require(
        std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c < '\x7f'); }),
        "a character that no field may have");
    fuzz::require(!auth::parse_siwe_message(text + "\n"), "read with something behind it");
}

} // namespace

FUZZ_TARGET(siwe)
{
    fuzz::Input input(bytes);
    const auto kind = input.byte();
    if (kind % 4 == 0)
        check(std::string(input.rest()));
    else if (kind % 4 == 1)
        check(fuzz::edited(known, input));
    else if (kind % 4 == 2)
        check(known.substr(0, known.find('\n') + 1) + std::string(input.rest()));
    else if (const auto read = ethereum::read_contract_signature(input.rest()))
        fuzz::require(read->factory.empty() || read->factory.size() == 20, "a factory that is no address");
}
