// Signatures that wallets make with personal_sign (EIP-191, version 0x45).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace auth {

// The address whose key signed `message`, given the signature as 0x and 130 hex digits: r, s and v, where v
// is one of 0, 1, 27, 28. Nothing for anything else and where no key can be recovered. A high s is accepted:
// the comparison with the expected address is the check.
std::optional<std::string> recover_personal_sign(std::string_view message, std::string_view signature);

// keccak256("\x19Ethereum Signed Message:\n" length message), raw bytes.
std::string personal_sign_hash(std::string_view message);

} // namespace auth
