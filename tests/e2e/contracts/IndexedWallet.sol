// SPDX-License-Identifier: CC0-1.0
// A wallet that signs as the Coinbase Smart Wallet does: a signature says which owner made it, and it is made over a
// hash that holds the wallet's address and the chain. What is here is all that viem's account for that wallet uses.
pragma solidity ^0.8.20;

import "./OwnedWallet.sol";

contract IndexedWallet {
    struct IndexedSignature {
        uint256 ownerIndex;
        bytes signature;
    }

    bytes[] private owners;

    constructor(bytes[] memory owners_) {
        for (uint256 i = 0; i < owners_.length; i++) owners.push(owners_[i]);
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        IndexedSignature memory indexed_ = abi.decode(signature, (IndexedSignature));
        address owner = abi.decode(owners[indexed_.ownerIndex], (address));
        address signer = signerOf(boundHash(hash), indexed_.signature);
        return signer != address(0) && signer == owner ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }

    /// So that what one wallet of an owner signed is worth nothing for the owner's other wallets.
    function boundHash(bytes32 hash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Coinbase Smart Wallet"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
        bytes32 message = keccak256(abi.encode(keccak256("CoinbaseSmartWalletMessage(bytes32 hash)"), hash));
        return keccak256(abi.encodePacked(bytes2(0x1901), domain, message));
    }
}

contract IndexedWalletFactory {
    function createAccount(bytes[] calldata owners, uint256 nonce) external payable returns (address account) {
        account = getAddress(owners, nonce);
        if (account.code.length == 0) new IndexedWallet{salt: bytes32(nonce)}(owners);
    }

    function getAddress(bytes[] calldata owners, uint256 nonce) public view returns (address) {
        bytes32 code = keccak256(abi.encodePacked(type(IndexedWallet).creationCode, abi.encode(owners)));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(this), nonce, code));
        return address(uint160(uint256(hash)));
    }
}
