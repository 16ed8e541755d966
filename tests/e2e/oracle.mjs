// What the tests of attesting have in common: the escrow with bookings of its own, and copies of the service's oracle.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { encodeFunctionData, keccak256, toBytes, zeroAddress, zeroHash } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { build, environment, run, sleep, temporaryFolder } from './service.mjs';
import { chainId } from './node.mjs';

export const unixNow = () => Math.floor(Date.now() / 1000);
export const outcomes = { completed: 1, 'no-show-host': 2, 'no-show-guest': 3 };
export const bookingStatus = { booked: 1, cancelled: 2, attested: 3 };
export const serviceToken = 'a token of the tests, 32 bytes long';

// The hash that has to go on chain, from the numbers alone.
export function metricsHash(id, [hostJoinedAt, hostLeftAt, guestJoinedAt, guestLeftAt, overlapSeconds]) {
    const metrics = { bookingId: `${id}`, hostJoinedAt, hostLeftAt, guestJoinedAt, guestLeftAt, overlapSeconds };
    return keccak256(toBytes(JSON.stringify(metrics)));
}

// The escrow contract with an oracle that has a key of its own, and a host and a guest for every booking.
export class Escrow {
    static async deploy(anvil, { host, guest, isFunded = true } = {}) {
        const escrow = new Escrow();
        escrow.anvil = anvil;
        escrow.oracleKey = generatePrivateKey();
        escrow.oracle = privateKeyToAccount(escrow.oracleKey).address;
        escrow.contract = await anvil.deploy('MockEscrow', [escrow.oracle]);
        escrow.host = host ?? privateKeyToAccount(generatePrivateKey()).address.toLowerCase();
        escrow.guest = guest ?? privateKeyToAccount(generatePrivateKey()).address.toLowerCase();
        escrow.slots = new Map(); // by booking
        escrow.lastSlot = 500n;
        escrow.performed = Promise.resolve();
        if (isFunded) await escrow.fund();
        return escrow;
    }

    fund() {
        return this.anvil.request('anvil_setBalance', this.oracle, `0x${(10n ** 21n).toString(16)}`);
    }

    settings(more = {}) {
        return {
            ENVIRONMENT: 'development',
            CHAIN_MODE: 'rpc',
            CHAIN_ID: String(chainId),
            RPC_URL: this.anvil.url,
            REGISTRY_ADDRESS: this.contract.address,
            VERIFICATION_MIRROR_ADDRESS: this.contract.address,
            ESCROW_ADDRESS: this.contract.address,
            ORACLE_PRIVATE_KEY: this.oracleKey,
            ORACLE_SERVICE_TOKEN: serviceToken,
            ...more,
        };
    }

    // By the node's own account. Whether it is mined depends on the node. One after the other: the node would give
    // two that come at once the same nonce.
    perform(functionName, args, more = {}) {
        const data = encodeFunctionData({ abi: this.contract.abi, functionName, args });
        const from = this.anvil.client.account.address;
        const call = { from, to: this.contract.address, data, gas: '0x7a120', ...this.anvil.fees, ...more };
        this.performed = this.performed.then(() => this.anvil.request('eth_sendTransaction', call));
        return this.performed;
    }

    // A slot, and bookings of it. Gives back when it begins and ends.
    async book(ids, startAt, { minutes = 20, graceMins = 5, minOverlapMins = 10 } = {}) {
        this.lastSlot += 1n;
        const slot = { host: this.host, startTime: startAt, durationMins: minutes, graceMins, minOverlapMins };
        await this.perform('setSlot', [this.lastSlot, { ...slot, price: 1n, cancelCutoffMins: 60, status: 1 }]);
        const hashes = await Promise.all(
            [ids].flat().map((id) => {
                this.slots.set(id, this.lastSlot);
                return this.setStatus(id, bookingStatus.booked);
            }),
        );
        await this.anvil.mined(hashes.at(-1));
        return { start: startAt, end: startAt + minutes * 60 };
    }

    setStatus(id, status, more) {
        const booking = {
            slotId: this.slots.get(id),
            guest: this.guest,
            amount: 1n,
            status,
            oracleOutcome: 0,
            metricsHash: zeroHash,
            attestedAt: 0,
            finalizableAt: 0,
            challenger: zeroAddress,
            bondAmount: 0n,
            disputedAt: 0,
        };
        return this.perform('setBooking', [BigInt(id), booking], more);
    }

    // Why the contract itself would refuse the oracle in the next block; undefined if it would not.
    async refusal(id, outcome) {
        try {
            await this.anvil.client.call({
                account: this.oracle,
                to: this.contract.address,
                data: encodeFunctionData({
                    abi: this.contract.abi,
                    functionName: 'attest',
                    args: [BigInt(id), outcomes[outcome], zeroHash],
                }),
                blockTag: 'pending',
            });
            return undefined;
        } catch (error) {
            return error.details.match(/execution reverted: (\w+)/)[1];
        }
    }

    async attestedEvents() {
        const events = await this.anvil.client.getContractEvents({
            ...this.contract,
            eventName: 'Attested',
            fromBlock: 0n,
            strict: true,
        });
        return events.map(({ args, transactionHash, blockNumber }) => ({
            id: args.bookingId,
            outcome: Object.keys(outcomes).find((name) => outcomes[name] === args.outcome),
            hash: args.metricsHash,
            tx_hash: transactionHash,
            blockNumber,
        }));
    }

    async eventsOf(id) {
        return (await this.attestedEvents()).filter((event) => event.id === BigInt(id));
    }

    // Exactly one attestation of the booking is on the chain, and it is this one.
    async checkAttested(id, outcome, metrics, tx_hash) {
        if (tx_hash !== undefined) await this.anvil.mined(tx_hash);
        const events = await this.eventsOf(id);
        assert.equal(events.length, 1, `${events.length} attestations of booking ${id}`);
        const [event] = events;
        assert.deepEqual([event.outcome, event.hash], [outcome, metricsHash(id, metrics)], `booking ${id}`);
        if (tx_hash !== undefined) assert.equal(event.tx_hash, tx_hash);
        const receipt = await this.anvil.client.getTransactionReceipt({ hash: event.tx_hash });
        assert.deepEqual([receipt.status, receipt.from], ['success', this.oracle.toLowerCase()]);
        return event;
    }

    transactionCount() {
        return this.anvil.client.getTransactionCount({ address: this.oracle });
    }

    // Nothing of anybody's waits to be mined, neither for a block nor for a nonce that is missing.
    async checkNothingWaits() {
        assert.deepEqual(await this.anvil.request('txpool_status'), { pending: '0x0', queued: '0x0' });
    }
}

const running = new Set();
process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
});

// build/session-at on a copy's settings, for as long as it is needed.
export class SessionAt {
    constructor({ config, env }) {
        this.child = spawn(path.join(build, 'session-at'), ['--config', config], { env });
        running.add(this.child);
        this.child.on('exit', () => running.delete(this.child));
        this.log = '';
        this.child.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
        this.waiting = [];
        createInterface({ input: this.child.stdout }).on('line', (line) =>
            this.waiting.shift().resolve(JSON.parse(line)),
        );
        this.child.on('close', () => {
            for (const { reject } of this.waiting) reject(new Error(`session-at has ended: ${this.log}`));
        });
    }

    // One command's answer.
    tell(...words) {
        return new Promise((resolve, reject) => {
            this.waiting.push({ resolve, reject });
            this.child.stdin.write(`${words.join(' ')}\n`);
        });
    }

    // One that must not fail.
    async must(...words) {
        const answer = await this.tell(...words);
        assert.equal(answer?.error, undefined, `${words.join(' ')}: ${JSON.stringify(answer)}`);
        return answer;
    }

    // [[wallet, joined, left or nothing], ...] in any order, each with seconds of the slot's start on.
    async place(id, start, stays) {
        const steps = stays.flatMap(([wallet, joined, left]) => [
            { at: joined, words: ['join', id, wallet, start + joined] },
            ...(left === undefined ? [] : [{ at: left, words: ['leave', id, wallet, start + left] }]),
        ]);
        steps.sort((a, b) => a.at - b.at);
        await Promise.all(steps.map(({ words }) => this.must(...words)));
    }

    // The stored attestation, which must stand there in this state.
    async stored(id, state) {
        const attestation = await this.tell('show', id);
        assert.equal(attestation?.state, state, `booking ${id}: ${attestation?.failure}`);
        return attestation;
    }

    async stop() {
        const end = new Promise((resolve) => this.child.on('close', resolve));
        this.child.stdin.end();
        await end;
    }
}

// A database and settings without a web server: what cron works on.
export class Machine {
    constructor(settings) {
        this.folder = temporaryFolder();
        this.config = path.join(this.folder, 'session-voice.env');
        const all = {
            DATABASE_PATH: path.join(this.folder, 'session-voice.db'),
            JWT_SECRET: 'j'.repeat(32),
            AGORA_APP_ID: 'a'.repeat(32),
            AGORA_APP_CERTIFICATE: 'c'.repeat(32),
            ...settings,
        };
        const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\n`);
        writeFileSync(this.config, lines.join(''));
        this.env = environment();
        this.at = new SessionAt(this);
    }

    async stop() {
        await this.at.stop();
        const { code, stdout, stderr } = await runProgram(this, 'session-voice-admin', ['audit']);
        assert.equal(code, 0, stdout + stderr);
        rmSync(this.folder, { recursive: true });
    }
}

// One of our programs on a copy's settings.
export const runProgram = ({ config, env }, name, args = [], options = {}) =>
    run(path.join(build, name), ['--config', config, ...args], { env, ...options });

// One run of session-voice-attest: what run() gives, and its line.
export async function attestingSweep(copy, options) {
    const ended = await runProgram(copy, 'session-voice-attest', ['--json'], options);
    return { ...ended, tally: ended.stdout === '' ? undefined : JSON.parse(ended.stdout) };
}

// Sweeps until everything is confirmed or failed, and gives back how many it took. `lastInSeconds` makes one more, that
// many seconds from now.
export async function sweepUntilSettled(copies, { most = 5, lastInSeconds } = {}) {
    for (let sweeps = 0; ; sweeps += 1) {
        const left = await Promise.all(copies.map((copy) => copy.at.tell('unsettled')));
        if (left.flat().length === 0) return sweeps;
        const isOver = sweeps === most + (lastInSeconds === undefined ? 0 : 1);
        assert.ok(!isOver, `after ${sweeps} sweeps still on their way: ${JSON.stringify(left)}`);
        if (sweeps > 0) await sleep(20); // the node may be about to mine
        for (const copy of copies) {
            if (sweeps < most) await attestingSweep(copy);
            else await copy.at.must('sweep', unixNow() + lastInSeconds);
        }
    }
}
