// A node that answers anything: every question is answered, or refused as "cannot be asked".
#include "ethereum/rpc_chain.h"
#include "fuzz.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

namespace {

constexpr const char* account = "0x9e07903b62319682f51003922b2e7474783b5043";
constexpr const char* tx_hash = "0x5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";

// Answers with the lines of the input, the last again and again.
class AnyTransport : public ethereum::Transport
{
  public:
    explicit AnyTransport(std::string_view answers) : answers_(answers) {}
    std::string post(const std::string&) override
    {
        if (!answers_.is_empty())
            answer_ = answers_.until('\n');
        return answer_;
    }

  private:
    fuzz::Input answers_;
    std::string answer_;
};

void require_readable(const std::optional<std::string>& reason)
{
    if (reason)
        fuzz::require(reason->size() <= 200 && std::all_of(reason->begin(), reason->end(),
                                                           [](char c) { return c >= ' ' && c <= '~'; }),
                      "a reason that cannot be shown");
}

using Ask = void (*)(ethereum::Chain&);

// By the letter that an input begins with.
const std::map<char, Ask> questions = {
    {'n', [](ethereum::Chain& chain) { chain.heaven_name(account); }},
    {'v', [](ethereum::Chain& chain) { chain.is_celo_verified(account); }},
    {'b', [](ethereum::Chain& chain) { chain.booking(ethereum::Uint256(7)); }},
    {'s', [](ethereum::Chain& chain) { chain.slot(ethereum::Uint256(7)); }},
    {'i', [](ethereum::Chain& chain) { chain.chain_id(); }},
    {'l',
     [](ethereum::Chain& chain) { fuzz::require(chain.last_block_at() >= 0, "a block before time began"); }},
    {'c', [](ethereum::Chain& chain) { chain.transaction_count(account, true); }},
    {'m', [](ethereum::Chain& chain) { chain.balance(account); }},
    {'f',
     [](ethereum::Chain& chain) {
         const auto fees = chain.suggest_fees();
         fuzz::require(fees.max_fee_per_gas >= fees.least, "less is advised than the least");
         fuzz::require(!fees.max_priority_fee_per_gas ||
                           *fees.max_priority_fee_per_gas <= fees.max_fee_per_gas,
                       "a tip above the whole fee");
     }},
    {'g',
     [](ethereum::Chain& chain) {
         const auto estimate = chain.estimate_gas(account, account, "data");
         require_readable(estimate.revert_reason);
         fuzz::require(estimate.revert_reason || (estimate.gas > 0 && estimate.gas <= 100'000'000),
                       "an estimate without measure");
     }},
    {'r', [](ethereum::Chain& chain) { require_readable(chain.revert_reason(account, account, "data", 9)); }},
    {'t', [](ethereum::Chain& chain) { chain.send("transaction"); }},
    {'e', [](ethereum::Chain& chain) { chain.receipt(tx_hash); }},
};

} // namespace

FUZZ_TARGET(rpc)
{
    fuzz::Input input(bytes);
    const auto question = questions.find(static_cast<char>(input.byte()));
    if (question == questions.end())
        return;
    ethereum::RpcChain chain(std::make_unique<AnyTransport>(input.rest()), account, account, account);
    fuzz::accepts(base::ErrorCode::chain_unavailable, [&] { question->second(chain); });
}
