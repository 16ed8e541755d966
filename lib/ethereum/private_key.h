// The key of an account: its address, and signatures by it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ethereum {

// A secp256k1 key. Never printed.
class PrivateKey
{
  public:
    // 0x and 64 hex digits, from 1 to the curve's order less 1; nothing for any other text.
    static std::optional<PrivateKey> parse(std::string_view text);

    std::string address() const; // lowercase, with 0x

    struct Signature
    {
        std::string r, s; // 32 bytes each; s is the low one (EIP-2)
        int recovery_id = 0;
    };
    // Deterministic (RFC 6979). `hash` has 32 bytes.
    Signature sign(const std::string& hash) const;

  private:
    explicit PrivateKey(std::string bytes) : bytes_(std::move(bytes)) {}
    std::string bytes_;
};

} // namespace ethereum
