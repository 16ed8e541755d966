#include "ethereum/keccak256.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace ethereum {

namespace {

static_assert(std::endian::native == std::endian::little, "lanes are read in place");

constexpr std::size_t rate_bytes = 136; // 1600 bits less twice the 256 of the digest

using State = std::array<std::uint64_t, 25>; // lane (x, y) at x + 5 y

// FIPS 202, 3.2.5: the constant of each round, from the rounds' linear-feedback shift register.
constexpr std::array<std::uint64_t, 24> round_constants = [] {
    std::array<std::uint64_t, 24> constants{};
    unsigned shift_register = 1;
    for (auto& constant : constants) {
        for (unsigned j = 0; j <= 6; ++j) {
            if (shift_register & 1)
                constant |= std::uint64_t{1} << ((1U << j) - 1);
            shift_register = shift_register << 1 ^ (shift_register & 0x80 ? 0x171 : 0);
        }
    }
    return constants;
}();

void permute(State& a)
{
    for (const auto round_constant : round_constants) {
        // theta
        std::array<std::uint64_t, 5> column{};
        for (std::size_t x = 0; x < 5; ++x)
            column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (std::size_t x = 0; x < 5; ++x) {
            const auto parity = column[(x + 4) % 5] ^ std::rotl(column[(x + 1) % 5], 1);
            for (std::size_t y = 0; y < 25; y += 5)
                a[x + y] ^= parity;
        }
        // rho and pi: each lane turns by a triangular number and moves along one cycle
        std::size_t x = 1;
        std::size_t y = 0;
        auto moving = a[1];
        for (int t = 0; t < 24; ++t) {
            const std::size_t next_y = (2 * x + 3 * y) % 5;
            x = y;
            y = next_y;
            const auto arrived = a[x + 5 * y];
            a[x + 5 * y] = std::rotl(moving, (t + 1) * (t + 2) / 2 % 64);
            moving = arrived;
        }
        // chi
        for (y = 0; y < 25; y += 5) {
            const std::array<std::uint64_t, 5> row{a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]};
            for (x = 0; x < 5; ++x)
                a[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
        // iota
        a[0] ^= round_constant;
    }
}

void absorb(State& state, const unsigned char* block)
{
    for (std::size_t lane = 0; lane < rate_bytes / 8; ++lane) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, block + 8 * lane, 8);
        state[lane] ^= bits;
    }
    permute(state);
}

} // namespace

std::string keccak256_padded_with(std::string_view message, unsigned char padding)
{
    State state{};
    const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
    std::size_t left = message.size();
    for (; left >= rate_bytes; left -= rate_bytes, bytes += rate_bytes)
        absorb(state, bytes);

    std::array<unsigned char, rate_bytes> last{};
    if (left > 0)
        std::memcpy(last.data(), bytes, left);
    last[left] ^= padding;
    last[rate_bytes - 1] ^= 0x80;
    absorb(state, last.data());
    return {reinterpret_cast<const char*>(state.data()), 32};
}

std::string keccak256(std::string_view message)
{
    // Ethereum kept Keccak's first padding byte, 0x01. SHA3-256 pads with 0x06, so its digests never match.
    return keccak256_padded_with(message, 0x01);
}

} // namespace ethereum
