// RLP, Ethereum's Recursive Length Prefix encoding (Yellow Paper, appendix B): encoding only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ethereum::rlp {

std::string encode(std::string_view bytes);
// Of items that are encoded already.
std::string encode_list(const std::vector<std::string>& encoded_items);

} // namespace ethereum::rlp
