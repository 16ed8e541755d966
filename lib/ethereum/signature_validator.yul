// Asks a wallet that is a contract whether a signature is its owner's, without being deployed itself: a node runs it
// as the creation code of an eth_call without `to`, and it returns one byte, 1 or 0, where others return their code.
//
// ERC-1271: the wallet's isValidSignature(bytes32,bytes) returns 0x1626ba7e. ERC-6492: a wallet that does not exist yet
// is made by its factory first, and one that says no may want to be prepared by that call.
//
// Assembly, since each byte of it travels with each question, and since the compiler's own reading of the answer would
// revert where an answer that is none means no.
object "signature_validator" {
    code {
        // What is appended to the code, at 0 of the memory: the wallet, a hash, another hash or zero, the factory or zero,
        // the length of the data that the factory is called with, that data, and the signature.
        let begin := datasize("signature_validator")
        let length := sub(codesize(), begin)
        codecopy(0, begin, length)
        let wallet := mload(0)
        let hash := mload(32)
        let other_hash := mload(64)
        let factory := mload(96)
        let signature := add(160, mload(128))
        let signature_length := sub(length, signature)

        // isValidSignature(hash, signature), behind all that; what is written there next is the hash.
        let call_length := add(100, and(add(signature_length, 31), not(31)))
        mstore(length, shl(224, 0x1626ba7e))
        mstore(add(length, 36), 64)
        mstore(add(length, 68), signature_length)
        codecopy(add(length, 100), add(begin, signature), signature_length)

        let verdict := 0
        if extcodesize(wallet) { verdict := says_yes(wallet, hash, other_hash, length, call_length) }
        if and(iszero(verdict), gt(factory, 0)) {
            pop(call(gas(), factory, 0, 160, sub(signature, 160), 0, 0))
            if extcodesize(wallet) { verdict := says_yes(wallet, hash, other_hash, length, call_length) }
        }
        mstore8(0, verdict)
        return(0, 1)

        function says_yes(asked, first, second, at, size) -> yes {
            yes := approves(asked, first, at, size)
            if and(iszero(yes), gt(second, 0)) { yes := approves(asked, second, at, size) }
        }

        function approves(asked, digest, at, size) -> yes {
            mstore(add(at, 4), digest)
            if staticcall(gas(), asked, at, size, 0, 32) {
                yes := and(gt(returndatasize(), 31), eq(mload(0), shl(224, 0x1626ba7e)))
            }
        }
    }
}
