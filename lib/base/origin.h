// Web origins (RFC 6454): what a browser says in the header Origin, and the entries of CORS_ALLOWED_ORIGINS.
#pragma once

#include <string>
#include <vector>

namespace base {

// Why no browser's Origin ever equals this entry, as the end of a sentence; null if one can. An entry is
// scheme://host[:port] in the one spelling that browsers use; "*." before the host stands for all domains
// below it.
const char* fault_of_origin(const std::string& entry);

// The entries of CORS_ALLOWED_ORIGINS as it is written: "*", or a list parted by commas or blanks. Whatever
// is wrong is appended to `problems`.
std::vector<std::string> read_origins(const std::string& written, std::vector<std::string>& problems);

// Whether the entry, which has no fault, lets in the Origin of a request: it is the same, or of a domain
// below that of the entry, at any depth.
bool admits(const std::string& entry, const std::string& origin);

} // namespace base
