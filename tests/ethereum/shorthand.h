// What the tests of lib/ethereum say often.
#pragma once

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <string>
#include <unistd.h>

inline bool is_chain_unavailable(const base::Error& error)
{
    return error.code() == base::ErrorCode::chain_unavailable && error.name() == "chain_unavailable";
}

// What `work` puts on standard error, and so into the log. Short texts only: they must fit the pipe.
template <class Work>
std::string logged_by(const Work& work)
{
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const int saved = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    ::dup2(ends[1], STDERR_FILENO);
    work();
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    ::close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(count));
    ::close(ends[0]);
    return text;
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
