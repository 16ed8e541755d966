// SPDX-License-Identifier: CC0-1.0
// A wallet of one owner, as small as ERC-1271 allows, and a factory that gives it an address before it has code.
pragma solidity ^0.8.20;

/// Who made a signature of 65 bytes, or address(0).
function signerOf(bytes32 hash, bytes memory signature) pure returns (address) {
    if (signature.length != 65) return address(0);
    (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
    return ecrecover(hash, uint8(signature[64]), r, s);
}

contract OwnedWallet {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        address signer = signerOf(hash, signature);
        return signer != address(0) && signer == owner ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }

    // ---- for tests only; deliberately open to every caller ----

    function setOwner(address owner_) external {
        owner = owner_;
    }
}

contract WalletFactory {
    function create(address owner, bytes32 salt) external returns (address) {
        return address(new OwnedWallet{salt: salt}(owner));
    }

    function refuse() external pure {
        revert("no wallet");
    }

    function burn() external pure {
        while (true) {}
    }
}

/// Code for an account that delegates to it (EIP-7702). The key stands in the code: the account has no storage yet.
contract DelegatedWallet {
    address private immutable key;

    constructor(address key_) {
        key = key_;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return signerOf(hash, signature) == key ? bytes4(0x1626ba7e) : bytes4(0);
    }
}
