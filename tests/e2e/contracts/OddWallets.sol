// SPDX-License-Identifier: CC0-1.0
// Wallets that answer isValidSignature(bytes32,bytes) in ways that no honest wallet does. None looks at the signature.
pragma solidity ^0.8.20;

bytes32 constant MAGIC = 0x1626ba7e00000000000000000000000000000000000000000000000000000000;

/// Answers every call with what it was made with.
contract SayingWallet {
    bytes private answer;

    constructor(bytes memory answer_) {
        answer = answer_;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        return answer;
    }
}

contract RevertingWallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        revert("no");
    }
}

/// The right answer, given the wrong way.
contract RevertingMagicWallet {
    fallback() external {
        bytes32 magic = MAGIC;
        assembly {
            mstore(0, magic)
            revert(0, 32)
        }
    }
}

contract BurningWallet {
    fallback() external {
        while (true) {}
    }
}

contract InvalidWallet {
    fallback() external {
        assembly {
            invalid()
        }
    }
}

/// Says no to who asks without the right to write, yes to everybody else.
contract WritingWallet {
    uint256 private count;

    function isValidSignature(bytes32, bytes calldata) external returns (bytes32) {
        count += 1;
        return MAGIC;
    }
}

contract LoggingWallet {
    event Asked();

    function isValidSignature(bytes32, bytes calldata) external returns (bytes32) {
        emit Asked();
        return MAGIC;
    }
}

contract CreatingWallet {
    function isValidSignature(bytes32, bytes calldata) external returns (bytes32) {
        new Counter();
        return MAGIC;
    }
}

contract Counter {
    uint256 private count;

    function increment() external {
        count += 1;
    }

    function die() external {
        selfdestruct(payable(msg.sender));
    }
}

/// Lets another contract write. `insists`: says yes only if that was done.
contract CallingWallet {
    Counter private immutable counter = new Counter();
    bytes4 private immutable selector;
    bool private immutable insists;

    constructor(string memory signature, bool insists_) {
        selector = bytes4(keccak256(bytes(signature)));
        insists = insists_;
    }

    function isValidSignature(bytes32, bytes calldata) external returns (bytes32) {
        // Not all of the gas: what may not write takes all that it gets.
        (bool done, ) = address(counter).call{gas: 100000}(abi.encodePacked(selector));
        return done || !insists ? MAGIC : bytes32(0);
    }
}

contract DyingWallet {
    fallback() external {
        selfdestruct(payable(msg.sender));
    }
}

/// Answers or reverts with 100 kB, of which the first 32 bytes are what it was made with.
contract WordyWallet {
    bytes32 private immutable first;
    bool private immutable reverts;

    constructor(bytes32 first_, bool reverts_) {
        first = first_;
        reverts = reverts_;
    }

    fallback() external {
        bytes32 word = first;
        bool isRevert = reverts;
        assembly {
            mstore(0, word)
            if isRevert {
                revert(0, 100000)
            }
            return(0, 100000)
        }
    }
}
