// From signed bytes to what the chain has made of them. The states of an attestation, and what leads from one
// to another:
//
//     from        to          when
//     submitted   mined       there is a receipt of ours, in a block that may still be taken back
//     submitted   confirmed   there is one in a block that is final
//     submitted   failed      the receipt says no; it was cancelled; or another transaction took the nonce
//     and
//                             settled the booking
//     submitted   submitted   the node lost the bytes or wants a higher fee; the nonce went to another
//                             transaction; the chain began anew
//     mined       confirmed   the block is final
//     mined       submitted   the block was taken back: the same bytes are sent again
//     failed      mined       what was taken for another's turns out to be ours
//     failed      submitted   the block that said no was taken back; or an operator retries
#pragma once

#include "sessions/signing.h"

#include <optional>
#include <vector>

namespace sessions {

class Delivery
{
  public:
    // See Signer.
    Delivery(database::Connection& db, ethereum::Chain& chain, const base::Config& config);

    Signer& signer() { return signer_; }
    const Signer& signer() const { return signer_; }

    // Sends what has to be sent and looks for what became of it. Throws attestation_failed (chain_refused) if
    // the node refuses it, and chain_unavailable.
    Attestation follow_up(Attestation attestation, base::UnixSeconds now);

    // The same decision in a transaction of a new nonce, the next one if not told which. `seen` are the
    // transactions on whose account it is done: if there are others by now, another process was faster.
    void replace_nonce(Attestation& attestation, const std::vector<AttestationTransaction>& seen,
                       std::optional<std::int64_t> nonce, base::UnixSeconds now);

    // See Oracle::cancel().
    Attestation cancel(Attestation attestation, base::UnixSeconds now);

  private:
    // Where a receipt, or another's transaction, puts an attestation.
    struct Verdict
    {
        AttestationState state = AttestationState::failed; // mined, or failed
        std::optional<std::string> failure;                // why it failed
        std::optional<AttestationTransaction> mined;       // none: overtaken
        bool is_final = true;
    };

    enum class Progress
    {
        settled,   // the attestation is no longer `submitted`
        waiting,   // the node has the transaction
        nonce_used // the node says so; the next look can tell by what
    };

    bool settle_by_receipt(Attestation& attestation, const std::vector<AttestationTransaction>& transactions,
                           base::UnixSeconds now);
    Verdict judge(const Attestation& attestation, const AttestationTransaction& transaction,
                  const ethereum::Receipt& receipt);
    bool is_final(std::uint64_t block);
    void settle(Attestation& attestation, const Verdict& verdict, base::UnixSeconds now);
    void look_again(Attestation& attestation, base::UnixSeconds now);
    void take_back(Attestation& attestation, const std::vector<AttestationTransaction>& transactions,
                   base::UnixSeconds now);
    bool is_cut_off(const Attestation& attestation, std::int64_t mined);
    void replace_overtaken(Attestation& attestation, const std::vector<AttestationTransaction>& transactions,
                           base::UnixSeconds now);
    Progress deliver(const Attestation& attestation, base::UnixSeconds now);
    Progress look_and_deliver(Attestation& attestation, base::UnixSeconds now);
    AttestationTransaction store_replacement(const Attestation& attestation,
                                             const AttestationTransaction& last,
                                             const AttestationTransaction& draft, base::UnixSeconds now);
    std::optional<AttestationTransaction>
    raise_fee(const Attestation& attestation, const AttestationTransaction& last, base::UnixSeconds now);

    database::Connection& db_;
    ethereum::Chain& chain_;
    const base::Config& config_;
    Signer signer_;
    std::optional<std::int64_t> final_block_; // once asked for
};

} // namespace sessions
