// What the tests of lib/ethereum say often.
#pragma once

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "logged_by.h"

#include <boost/test/unit_test.hpp>
#include <string>

inline bool is_chain_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::chain_unavailable && error.name() == "chain_unavailable";
}

// Of "0x...", as vectors write them.
inline std::string bytes_of(const base::Json& hex)
{
    const auto bytes = base::from_hex(hex.get<std::string>().substr(2));
    BOOST_REQUIRE(bytes.has_value());
    return *bytes;
}

// A word of the ABI: 32 bytes, big-endian. Not by the code under test.
inline std::string word(std::uint64_t number)
{
    std::string bytes(32, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        bytes[31 - i] = static_cast<char>(number >> (8 * i) & 0xff);
    return bytes;
}
