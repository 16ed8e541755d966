// Wallets' signatures: a wallet's address comes out only for what that wallet signed.
#include "auth/wallet_signature.h"
#include "base/hex.h"
#include "ethereum/address.h"
#include "fuzz.h"
#include "wallet.h"

#include <algorithm>
#include <cctype>

FUZZ_TARGET(signature)
{
    static const Wallet wallet(std::string(31, '\0') + '\7');
    static const std::string message = "000000006b029d7fc31502ec6115eed40c9e6585651340c80685032222ecec3c";
    static const auto signature = wallet.personal_sign(message);

    fuzz::Input input(bytes);
    switch (input.byte() % 5) {
    case 0: { // any text
        const auto text = input.until('\n');
        if (const auto address = auth::recover_personal_sign(input.rest(), text)) {
            fuzz::require(ethereum::parse_address(*address) == address, "not an address in lowercase");
            fuzz::require(*address != wallet.address(), "a signature was forged");
        }
        break;
    }
    case 1: { // any r, s and v
        const auto address =
            auth::recover_personal_sign(message, "0x" + base::to_hex(std::string(input.take(65))));
        fuzz::require(address != wallet.address(), "a signature was forged");
        break;
    }
    case 2: { // any v
        const auto v = static_cast<char>(input.byte());
        const std::string said(input.rest());
        const auto good = wallet.personal_sign(said);
        const auto good_v = base::from_hex(good.substr(130)).value()[0];
        const auto text = good.substr(0, 130) + base::to_hex(std::string(1, v));
        fuzz::require((auth::recover_personal_sign(said, text) == wallet.address()) ==
                          (v == good_v || v == good_v - 27),
                      "v has another meaning");
        break;
    }
    case 3: { // v has two spellings, and hex digits two cases; nothing else may be changed
        auto text = fuzz::edited(signature, input);
        const bool is_good = auth::recover_personal_sign(message, text) == wallet.address();
        std::transform(text.begin(), text.end(), text.begin(),
                       [](unsigned char c) { return static_cast<char>(c == 'X' ? c : std::tolower(c)); });
        const auto v = static_cast<char>(base::from_hex(signature.substr(130)).value()[0] - 27);
        const auto respelled = signature.substr(0, 130) + base::to_hex(std::string(1, v));
        fuzz::require(is_good == (text == signature || text == respelled),
                      "a changed signature is accepted, or a good one is refused");
        break;
    }
    default: {
        const auto text = fuzz::edited(message, input);
        fuzz::require((auth::recover_personal_sign(text, signature) == wallet.address()) == (text == message),
                      "a signature counts for another message");
        fuzz::require(auth::recover_personal_sign(text, wallet.personal_sign(text)) == wallet.address(),
                      "a wallet's own signature is not recognized");
    }
    }
}
