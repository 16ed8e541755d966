// Contract wallets on a real node, and a table of what they sign that says of every signature whether it is good. The
// contracts of the Safe are those of its makers. The others stand in contracts/.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
    concatHex,
    createPublicClient,
    encodeDeployData,
    encodeFunctionData,
    hashMessage,
    http,
    isHex,
    keccak256,
    numberToHex,
    padHex,
    parseErc6492Signature,
    parseSignature,
    serializeCompactSignature,
    serializeErc6492Signature,
    signatureToCompactSignature,
    size,
    sliceHex,
    toHex,
    zeroAddress,
    zeroHash,
} from 'viem';
import { toCoinbaseSmartAccount } from 'viem/account-abstraction';
import { privateKeyToAccount } from 'viem/accounts';

const require = createRequire(import.meta.url);
const solc = require('solc');
const files = ['IndexedWallet.sol', 'OddWallets.sol', 'OwnedWallet.sol'];

const magic = '0x1626ba7e';
const magicWord = padHex(magic, { dir: 'right', size: 32 });
const mostBytes = 8 * 1024; // of a signature
const factoryOfIndexed = '0xba5ed110efdba3d005bfc882d75358acbbb85842'; // where viem looks for it
const wrapperMark = `0x${'6492'.repeat(16)}`;

const noteOnShort = 'viem refuses what is shorter than the mark of ERC-6492, which it looks for first';

// A key that is nobody else's.
export const accountNamed = (name) => privateKeyToAccount(keccak256(toHex(name)));

// ---- contracts ----

let compiled;

// { abi, bytecode, deployedBytecode } of a contract in one of the files.
function contractNamed(name) {
    compiled ??= compileAll();
    return compiled[name];
}

function compileAll() {
    const read = (file) => readFileSync(new URL(`contracts/${file}`, import.meta.url), 'utf8');
    const sources = Object.fromEntries(files.map((file) => [file, { content: read(file) }]));
    const outputSelection = { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } };
    const input = { language: 'Solidity', sources, settings: { evmVersion: 'paris', outputSelection } };
    const output = JSON.parse(solc.compile(JSON.stringify(input)));
    const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
    assert.deepEqual(errors, []);
    const contracts = Object.values(output.contracts).flatMap((contracts) => Object.entries(contracts));
    return Object.fromEntries(
        contracts.map(([name, { abi, evm }]) => [
            name,
            { abi, bytecode: `0x${evm.bytecode.object}`, deployedBytecode: `0x${evm.deployedBytecode.object}` },
        ]),
    );
}

const safeContract = (path) => require(`@safe-global/safe-contracts/build/artifacts/contracts/${path}.json`);

async function deploy(anvil, { abi, bytecode }, args = []) {
    const data = encodeDeployData({ abi, bytecode, args });
    const call = { from: anvil.client.account.address, data, gas: numberToHex(10_000_000) };
    const receipt = await anvil.mined(await anvil.request('eth_sendTransaction', call));
    assert.equal(receipt.status, '0x1');
    return { address: receipt.contractAddress, abi };
}

const deployNamed = (anvil, name, args) => deploy(anvil, contractNamed(name), args);

export const deployOwnedWallet = (anvil, owner) => deployNamed(anvil, 'OwnedWallet', [owner.address]);

// ---- signatures ----

export const by =
    (account) =>
    (message) =>
        account.signMessage({ message });

const say = (signature) => async () => signature;

const change = (sign, how) => async (message) => how(await sign(message));

// ERC-6492: who calls `data` at `address` deploys the wallet.
const wrapped = (sign, address, data) =>
    change(sign, (signature) => serializeErc6492Signature({ address, data, signature }));

const garbage = `0x${'5e'.repeat(32)}${'3a'.repeat(32)}1b`;

// ---- viem's verdict ----

// Without an account, or every call would come from it.
export function viemVerdict(anvil) {
    const client = createPublicClient({ chain: anvil.client.chain, transport: http(anvil.url) });
    return async ({ wallet, message, signature }) => {
        // It would take half a byte for a whole one.
        if (!isHex(signature, { strict: true }) || signature.length % 2 !== 0) return 'no hex';
        return client.verifyMessage({ address: wallet, message, signature });
    };
}

// ---- the table ----

// { name, wallet, sign, valid, viem, asks, note }. `sign` gives the signature of a message. `valid` is what the service
// must say. `viem` is what viem says; where that is something else, `note` gives the reason. `asks`: how often the
// service asks the node; at most once if it is not said.
export async function deployWallets(anvil) {
    const groups = { account, owned, safe, indexed, counterfactual, malformed, odd, delegated, long };
    const cases = [];
    for (const [group, make] of Object.entries(groups))
        for (const { name, valid, ...more } of await make(anvil))
            cases.push({ name: `${group}: ${name}`, valid, viem: valid, asks: valid ? 1 : undefined, ...more });
    assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
    for (const { name, valid, viem, note } of cases) assert.equal(valid !== viem, note !== undefined, name);
    return cases;
}

// `rows`: { name: [sign, valid, more] }
const casesOf = (wallet, rows) =>
    Object.entries(rows).map(([name, [sign, valid, more]]) => ({ name, wallet, sign, valid, ...more }));

// Wallets without code.
async function account() {
    const [own, other] = [accountNamed('own'), accountNamed('other')];
    const compact = (signature) => serializeCompactSignature(signatureToCompactSignature(parseSignature(signature)));
    const notHex = { viem: 'no hex', asks: 0, note: 'viem leaves it to its callers to give it bytes' };
    return [
        ...casesOf(own.address, {
            'its own key': [by(own), true, { asks: 0 }],
            'the key of another': [by(other), false],
            garbage: [say(garbage), false],
            '64 bytes': [change(by(own), (signature) => sliceHex(signature, 0, 64)), false],
            '64 bytes (EIP-2098)': [change(by(own), compact), false],
            '66 bytes': [change(by(own), (signature) => `${signature}00`), false],
            'no bytes': [say('0x'), false],
            'half a byte too few': [change(by(own), (signature) => signature.slice(0, -1)), false, notHex],
            'half a byte too many': [change(by(own), (signature) => `${signature}0`), false, notHex],
            'letters that are no digits': [say(`0x${'zg'.repeat(65)}`), false, notHex],
            'a space at the end': [change(by(own), (signature) => `${signature} `), false, notHex],
        }),
        // ecrecover gives this address where it recovers nothing.
        ...casesOf(zeroAddress, { nobody: [say(`0x${'00'.repeat(65)}`), false] }),
        // It gives back what it is called with, and that begins with the selector, which is the magic value.
        ...casesOf(padHex('0x04', { size: 20 }), { 'the identity precompile': [by(own), false] }),
    ];
}

async function owned(anvil) {
    const [owner, other] = [accountNamed('owner'), accountNamed('other')];
    const wallet = await deployOwnedWallet(anvil, owner);
    const moved = await deployOwnedWallet(anvil, owner);
    await anvil.send(moved, 'setOwner', [other.address]);
    return [
        ...casesOf(wallet.address, {
            'its owner': [by(owner), true],
            another: [by(other), false],
            'another message': [(message) => by(owner)(`${message} `), false],
            'a message without its prefix': [(message) => owner.sign({ hash: keccak256(toHex(message)) }), false],
            'no bytes': [say('0x'), false],
            '66 bytes': [change(by(owner), (signature) => `${signature}00`), false],
        }),
        ...casesOf(moved.address, { 'its new owner': [by(other), true], 'the owner that it had': [by(owner), false] }),
    ];
}

// ---- Safe ----

async function deploySafes(anvil) {
    const singleton = await deploy(anvil, safeContract('Safe.sol/Safe'));
    const factory = await deploy(anvil, safeContract('proxies/SafeProxyFactory.sol/SafeProxyFactory'));
    const handlerPath = 'handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler';
    const handler = await deploy(anvil, safeContract(handlerPath));
    const lib = await deploy(anvil, safeContract('libraries/SignMessageLib.sol/SignMessageLib'));

    // A Safe that is not deployed yet: its address, and the call that deploys it.
    const prepare = async (owners, threshold, salt = 0n) => {
        const init = [owners, threshold, zeroAddress, '0x', handler.address, zeroAddress, 0n, zeroAddress];
        const initializer = encodeFunctionData({ abi: singleton.abi, functionName: 'setup', args: init });
        const args = [singleton.address, initializer, salt];
        const create = { ...factory, functionName: 'createProxyWithNonce', args };
        const { result: address } = await anvil.client.simulateContract(create);
        return { address, factory: factory.address, data: encodeFunctionData(create), args };
    };
    const make = async (...of) => {
        const prepared = await prepare(...of);
        await anvil.send(factory, 'createProxyWithNonce', prepared.args);
        return prepared;
    };
    return { prepare, make, singleton, handler, lib };
}

// As an owner of the Safe signs what the Safe is to sign.
function bySafeOwner(anvil, safe, owner) {
    const domain = { chainId: anvil.client.chain.id, verifyingContract: safe.address };
    const types = { SafeMessage: [{ name: 'message', type: 'bytes' }] };
    return (message) => owner.signTypedData({ domain, types, primaryType: 'SafeMessage', message: { message } });
}

async function safe(anvil) {
    const { prepare, make, singleton, handler, lib } = await deploySafes(anvil);
    const owners = ['first', 'second', 'third'].map((name) => accountNamed(name));
    owners.sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
    const [first, second, third] = owners;
    const addresses = owners.map(({ address }) => address);
    const bySafe =
        (wallet, ...signers) =>
        async (message) => {
            const hash = hashMessage(message);
            return concatHex(await Promise.all(signers.map((signer) => bySafeOwner(anvil, wallet, signer)(hash))));
        };
    const wrap = (wallet, ...signers) => wrapped(bySafe(wallet, ...signers), wallet.factory, wallet.data);

    const alone = await make([first.address], 1n);
    const pair = await make([first.address, second.address], 2n);
    const later = await prepare([third.address], 1n);
    const laterToo = await prepare(addresses, 2n);

    // A Safe that owns a Safe signs what the outer one would sign, and its signature stands behind the fixed part.
    const outer = await make([alone.address], 1n);
    const byInner = async (message) => {
        const functionName = 'encodeMessageDataForSafe';
        const args = [outer.address, hashMessage(message)];
        const signature = await bySafeOwner(anvil, alone, first)(
            await anvil.client.readContract({ ...handler, functionName, args }),
        );
        const fixed = concatHex([padHex(alone.address), numberToHex(65, { size: 32 }), '0x00']);
        return concatHex([fixed, numberToHex(size(signature), { size: 32 }), signature]);
    };

    // What its owner approved by a transaction needs no signature.
    const sender = anvil.client.account.address;
    const approving = await make([sender], 1n);
    const silent = await make([sender], 1n, 1n);
    const approve = async (message) => {
        const data = encodeFunctionData({ abi: lib.abi, functionName: 'signMessage', args: [hashMessage(message)] });
        const bySender = concatHex([padHex(sender), zeroHash, '0x01']);
        const call = [lib.address, 0n, data, 1, 0n, 0n, 0n, zeroAddress, zeroAddress, bySender];
        await anvil.send({ address: approving.address, abi: singleton.abi }, 'execTransaction', call);
        return '0x';
    };

    return [
        ...casesOf(alone.address, {
            'its owner': [bySafe(alone, first), true],
            another: [bySafe(alone, second), false],
            'its owner, but not the message of the Safe': [by(first), false],
            'its owner, for another Safe': [bySafe(pair, first), false],
            'deployed, wrapped': [wrap(alone, first), true],
        }),
        ...casesOf(pair.address, {
            'both owners': [bySafe(pair, first, second), true],
            'both owners in the wrong order': [bySafe(pair, second, first), false],
            'one owner of two': [bySafe(pair, first), false],
            'one owner twice': [bySafe(pair, first, first), false],
            'an owner and another': [bySafe(pair, first, third), false],
        }),
        ...casesOf(outer.address, {
            'a Safe that owns it': [byInner, true],
            'the owner of a Safe that owns it': [bySafe(outer, first), false],
        }),
        ...casesOf(approving.address, {
            'no bytes for what was approved': [approve, true, { viem: false, note: noteOnShort }],
        }),
        ...casesOf(silent.address, { 'no bytes for what was not': [say('0x'), false] }),
        ...casesOf(later.address, {
            'not deployed, wrapped': [wrap(later, third), true],
            'not deployed': [bySafe(later, third), false],
        }),
        ...casesOf(laterToo.address, {
            'not deployed, wrapped, two owners of three': [wrap(laterToo, first, third), true],
            'not deployed, wrapped, one of two': [wrap(laterToo, first), false],
        }),
    ];
}

// ---- the shape of the Coinbase Smart Wallet, signed for by viem ----

async function indexed(anvil) {
    const { abi, deployedBytecode } = contractNamed('IndexedWalletFactory');
    await anvil.client.setCode({ address: factoryOfIndexed, bytecode: deployedBytecode });
    const owners = [accountNamed('owner'), accountNamed('other')];
    const make = (more) => toCoinbaseSmartAccount({ client: anvil.client, owners, version: '1.1', ...more });
    const ready = await make();
    await anvil.send({ address: factoryOfIndexed, abi }, 'createAccount', [owners.map((o) => padHex(o.address)), 0n]);
    const second = await make({ ownerIndex: 1 });
    const stranger = await make({ address: ready.address, owners: [accountNamed('third')] });
    const third = await make({ address: ready.address, owners: [...owners, accountNamed('third')], ownerIndex: 2 });
    const later = await make({ nonce: 1n });
    const laterToo = await make({ nonce: 1n, ownerIndex: 1 });
    const { factory, factoryData } = await later.getFactoryArgs();
    // Without the wrapper that viem puts around what a wallet without code signs.
    const bare = (wallet) => change(by(wallet), (signature) => parseErc6492Signature(signature).signature);
    return [
        ...casesOf(ready.address, {
            'the first owner': [by(ready), true],
            'the second owner': [by(second), true],
            another: [by(stranger), false],
            'an index that there is not': [by(third), false],
            'its owner, without the index': [by(owners[0]), false],
            'its owner, for another wallet': [bare(later), false],
        }),
        ...casesOf(later.address, {
            'not deployed, wrapped': [by(later), true],
            'not deployed, wrapped, the second owner': [by(laterToo), true],
            'not deployed': [bare(later), false],
            'not deployed, wrapped, for another wallet': [wrapped(by(ready), factory, factoryData), false],
        }),
    ];
}

// ---- ERC-6492 ----

// A wallet that has an address and no code yet: `wrap` makes signatures for it, `deploy` gives it its code.
export async function counterfactualWallet(anvil, owner, name) {
    const factory = await deployNamed(anvil, 'WalletFactory');
    const create = { ...factory, functionName: 'create', args: [owner.address, keccak256(toHex(name))] };
    const { result: address } = await anvil.client.simulateContract(create);
    const data = encodeFunctionData(create);
    return {
        address,
        factory,
        data,
        wrap: (sign) => wrapped(sign, factory.address, data),
        deploy: () => anvil.send(factory, 'create', create.args),
    };
}

async function counterfactual(anvil) {
    const [owner, other, third] = ['owner', 'other', 'third'].map((name) => accountNamed(name));
    const later = await counterfactualWallet(anvil, owner, 'later');
    const ready = await counterfactualWallet(anvil, owner, 'ready');
    await ready.deploy();
    const factory = later.factory.address;
    const call = (functionName, args) => encodeFunctionData({ abi: later.factory.abi, functionName, args });
    const [refuse, burn, anotherWallet] = [call('refuse'), call('burn'), call('create', [other.address, zeroHash])];
    // Anybody may set the owner of this wallet, so that the call of a wrapper can be a preparation.
    const { abi } = contractNamed('OwnedWallet');
    const prepareFor = ({ address }) => encodeFunctionData({ abi, functionName: 'setOwner', args: [address] });
    const callsFirst = {
        viem: false,
        note: 'viem makes the call first, even where the wallet has code and says yes without it',
    };
    return [
        ...casesOf(later.address, {
            'not deployed, wrapped': [later.wrap(by(owner)), true],
            'not deployed': [by(owner), false],
            'not deployed, wrapped, another': [later.wrap(by(other)), false],
            'not deployed, wrapped twice': [later.wrap(later.wrap(by(owner))), false],
            'not deployed, wrapped, no bytes': [later.wrap(say('0x')), false],
            'not deployed, a call that deploys another': [wrapped(by(owner), factory, anotherWallet), false],
            'not deployed, a call that reverts': [wrapped(by(owner), factory, refuse), false],
            'not deployed, a call that burns all gas': [wrapped(by(owner), factory, burn), false],
            'not deployed, a call without data': [wrapped(by(owner), factory, '0x'), false],
            'not deployed, a factory without code': [wrapped(by(owner), other.address, later.data), false],
            'not deployed, the factory 0': [wrapped(by(owner), zeroAddress, later.data), false],
            'not deployed, itself as the factory': [wrapped(by(owner), later.address, later.data), false],
        }),
        ...casesOf(ready.address, {
            'deployed, wrapped': [ready.wrap(by(owner)), true],
            deployed: [by(owner), true],
            'deployed, another': [by(other), false],
            'deployed, wrapped, another': [ready.wrap(by(other)), false],
            'deployed, wrapped twice': [ready.wrap(ready.wrap(by(owner))), false],
            'deployed, a call that reverts': [wrapped(by(owner), factory, refuse), true],
            'deployed, a call that burns all gas': [wrapped(by(owner), factory, burn), true],
            'deployed, a factory without code': [wrapped(by(owner), other.address, '0x'), true],
            'deployed, the factory 0': [wrapped(by(owner), zeroAddress, '0x'), true],
            'deployed, another, a call that reverts': [wrapped(by(other), factory, refuse), false],
            'deployed, another, a call that burns all gas': [wrapped(by(other), factory, burn), false],
            'deployed, another, the factory 0': [wrapped(by(other), zeroAddress, '0x'), false],
            'deployed, prepared for its signer': [wrapped(by(other), ready.address, prepareFor(other)), true],
            'deployed, prepared for another': [wrapped(by(third), ready.address, prepareFor(other)), false],
            'deployed, its owner, prepared for another': [
                wrapped(by(owner), ready.address, prepareFor(other)),
                true,
                callsFirst,
            ],
        }),
        ...casesOf(owner.address, { 'an account, wrapped': [wrapped(by(owner), factory, '0x'), false] }),
    ];
}

// What ends like a wrapper and is none. Each for a wallet without code, for one with code, and for one that says yes to
// every signature.
async function malformed(anvil) {
    const owner = accountNamed('owner');
    const later = await counterfactualWallet(anvil, owner, 'malformed');
    const ready = await counterfactualWallet(anvil, owner, 'well-formed');
    await ready.deploy();
    const agreeing = await deployNamed(anvil, 'SayingWallet', [magicWord]);
    const most = 2n ** 256n - 1n;
    const word = (number) => numberToHex(number, { size: 32 });
    const factory = padHex(later.factory.address);
    const good = later.wrap(by(owner));

    // With another word at that place. The signature has its place in the third word, its length, and then its bytes.
    const set = (place, value) =>
        change(good, (signature) => {
            const words = signature.slice(2).match(/.{64}/g);
            words[place === 'length' ? Number(`0x${words[2]}`) / 32 : place] = value.slice(2);
            return `0x${words.join('')}`;
        });
    // Without the last bytes before the mark: 65 of the signature are followed by 31 zeros.
    const cut = (count) =>
        change(good, (signature) => concatHex([sliceHex(signature, 0, -32 - count), wrapperMark]));
    const readsTheMark = { viem: true, note: 'viem takes the mark for a part of what is wrapped' };
    const shapes = {
        'the mark alone': [say(wrapperMark)],
        'one word': [say(concatHex([factory, wrapperMark]))],
        'two words': [say(concatHex([factory, word(64), wrapperMark]))],
        'three words': [say(concatHex([factory, word(96), word(96), wrapperMark]))],
        'the mark behind a signature': [change(by(owner), (signature) => concatHex([signature, wrapperMark]))],
        'cut short by a byte': [cut(31 + 1), readsTheMark],
        'cut short by a word': [cut(31 + 32), readsTheMark],
        'cut short by a word and a byte': [cut(31 + 33)],
        'a call behind the end': [set(1, word(4096))],
        'a call at 2^64 - 1': [set(1, word(2n ** 64n - 1n))],
        'a call at 2^255': [set(1, word(2n ** 255n))],
        'a call at 2^256 - 1': [set(1, word(most))],
        'a call of 4096 bytes': [set(3, word(4096))],
        'a call of 2^256 - 1 bytes': [set(3, word(most))],
        'a signature behind the end': [set(2, word(4096))],
        'a signature at 2^64': [set(2, word(2n ** 64n))],
        'a signature at 2^256 - 32': [set(2, word(most - 31n))],
        'a signature of 97 bytes': [set('length', word(97)), readsTheMark],
        'a signature of 128 bytes': [set('length', word(128)), readsTheMark],
        'a signature of 129 bytes': [set('length', word(129))],
        'a signature of 2^32 bytes': [set('length', word(2n ** 32n))],
        'a signature of 2^256 - 32 bytes': [set('length', word(most - 31n))],
        'a signature of 2^256 - 1 bytes': [set('length', word(most))],
        'a factory of 21 bytes': [set(0, padHex(`0x01${later.factory.address.slice(2)}`))],
    };
    const cases = Object.entries(shapes).flatMap(([name, [sign, more]]) => [
        { name: `${name}, not deployed`, wallet: later.address, sign, valid: false },
        { name: `${name}, deployed`, wallet: ready.address, sign, valid: false },
        { name: `${name}, whatever it is`, wallet: agreeing.address, sign, valid: false, ...more },
    ]);
    // Decoders of the ABI do not ask for the zeros behind the last field.
    for (const [name, sign] of [['a zero less', cut(1)], ['no zeros', cut(31)]])
        for (const [state, { address: wallet }] of [['not deployed', later], ['deployed', ready]])
            cases.push({ name: `${name}, ${state}`, wallet, sign, valid: true });
    return cases;
}

// ---- wallets that misbehave ----

async function odd(anvil) {
    const right = (hex, bytes = 32) => padHex(hex, { dir: 'right', size: bytes });
    const sign = say(garbage);
    const answers = {
        'the magic value': [magicWord, true],
        'the magic value and a word': [concatHex([magicWord, right('0xff')]), true],
        'the magic value and a byte': [concatHex([magicWord, '0xff']), true],
        'the magic value twice': [concatHex([magicWord, magicWord]), true],
        'the magic value and a last byte that is not 0': [concatHex([right(magic, 31), '0x01']), false],
        'the magic value and a fifth byte that is not 0': [right(`${magic}01`), false],
        'the magic value at the end of the word': [padHex(magic), false],
        'the magic value in the second word': [concatHex([zeroHash, magicWord]), false],
        'the magic value of an older interface': [right('0x20c13b0b'), false],
        'the magic value but for a bit': [right('0x1626ba7f'), false],
        'the magic value alone': [magic, false],
        '31 bytes': [right(magic, 31), false],
        nothing: ['0x', false],
        true: [numberToHex(1, { size: 32 }), false],
        zeros: [zeroHash, false],
        'the highest number': [numberToHex(2n ** 256n - 1n), false],
    };
    const cases = [];
    for (const [name, [answer, valid]] of Object.entries(answers)) {
        const { address: wallet } = await deployNamed(anvil, 'SayingWallet', [answer]);
        cases.push({ name: `says ${name}`, wallet, sign, valid });
    }

    const { address: agreeing } = await deployNamed(anvil, 'SayingWallet', [magicWord]);
    for (const bytes of [0, 1, 31, 32, 64, 4000]) {
        const more = bytes < size(wrapperMark) ? { viem: false, note: noteOnShort } : {};
        const signature = `0x${'ab'.repeat(bytes)}`;
        cases.push(...casesOf(agreeing, { [`says yes to ${bytes} bytes`]: [say(signature), true, more] }));
    }

    const behaviours = [
        ['reverts', false, 'RevertingWallet'],
        ['reverts with the magic value', false, 'RevertingMagicWallet'],
        ['burns all gas', false, 'BurningWallet'],
        ['executes an invalid instruction', false, 'InvalidWallet'],
        ['writes', false, 'WritingWallet'],
        ['logs', false, 'LoggingWallet'],
        ['creates a contract', false, 'CreatingWallet'],
        ['lets another write, and insists', false, 'CallingWallet', 'increment()', true],
        ['lets another write, if it may', true, 'CallingWallet', 'increment()', false],
        ['lets another destroy itself, and insists', false, 'CallingWallet', 'die()', true],
        ['lets another destroy itself, if it may', true, 'CallingWallet', 'die()', false],
        ['destroys itself', false, 'DyingWallet'],
        ['says yes in 100 kB', true, 'WordyWallet', magicWord, false],
        ['says no in 100 kB', false, 'WordyWallet', zeroHash, false],
        ['reverts with 100 kB', false, 'WordyWallet', magicWord, true],
    ];
    for (const [name, valid, contract, ...args] of behaviours) {
        const { address: wallet } = await deployNamed(anvil, contract, args);
        cases.push({ name, wallet, sign, valid });
    }

    // Each call burns nearly all that the one before it has left, so that none may be left for the answer.
    const { address: burning } = await deployNamed(anvil, 'BurningWallet');
    cases.push(...casesOf(burning, { 'burns all gas, prepared by itself': [wrapped(sign, burning, '0x'), false] }));
    return cases;
}

// ---- accounts with code (EIP-7702) ----

// Gives the account that contract's code.
async function delegate(anvil, account, { address: contractAddress }) {
    const { client } = anvil;
    const nonce = await client.getTransactionCount({ address: account.address });
    const authorization = await account.signAuthorization({ contractAddress, chainId: client.chain.id, nonce });
    const hash = await client.sendTransaction({ to: zeroAddress, authorizationList: [authorization] });
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'success');
    assert.equal(await client.getCode({ address: account.address }), concatHex(['0xef0100', contractAddress]));
}

async function delegated(anvil) {
    const [own, key, other] = ['delegating', 'key', 'other'].map((name) => accountNamed(name));
    const [refusing, burning] = [accountNamed('refusing'), accountNamed('burning')];
    const code = await deployNamed(anvil, 'DelegatedWallet', [key.address]);
    await delegate(anvil, own, code);
    await delegate(anvil, refusing, await deployNamed(anvil, 'RevertingWallet'));
    await delegate(anvil, burning, await deployNamed(anvil, 'BurningWallet'));
    return [
        ...casesOf(own.address, {
            'its own key': [by(own), true, { asks: 0 }],
            'the key of its code': [by(key), true],
            another: [by(other), false],
        }),
        ...casesOf(refusing.address, {
            'its own key, where its code reverts': [by(refusing), true, { asks: 0 }],
            'another, where its code reverts': [by(other), false],
        }),
        ...casesOf(burning.address, {
            'its own key, where its code burns all gas': [by(burning), true, { asks: 0 }],
            'another, where its code burns all gas': [by(other), false],
        }),
        ...casesOf(code.address, { 'the code by itself': [by(key), true] }),
    ];
}

// ---- long signatures ----

async function long(anvil) {
    const own = accountNamed('own');
    const { address: agreeing } = await deployNamed(anvil, 'SayingWallet', [magicWord]);
    const tooLong = (signature) => padHex(signature, { dir: 'right', size: mostBytes + 1 });
    return [
        ...casesOf(agreeing, {
            'nearly 8 KiB': [say(`0x${'5e3a'.repeat(3900)}`), true],
            'over 8 KiB': [say(tooLong(garbage)), false, { viem: true, asks: 0, note: 'viem has no limit' }],
        }),
        ...casesOf(own.address, { 'over 8 KiB, its own key': [change(by(own), tooLong), false, { asks: 0 }] }),
    ];
}
