// The words of other nodes, said by a proxy before a real one: what counts as success, as a wait, as a refusal.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseGwei, toHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { Anvil, ask, chainId, FakeNode, json, passTo } from './node.mjs';
import { Escrow, Machine, serviceToken, SessionAt, unixNow } from './oracle.mjs';
import { expect, ok, startService } from './service.mjs';

const minute = 60;

describe("other nodes' words", () => {
    let anvil;
    let node;
    let escrow;
    let service;
    let bookings = 0;
    before(async () => {
        anvil = await Anvil.start();
        node = await FakeNode.start(passTo(anvil.url));
        escrow = await Escrow.deploy(anvil);
        service = await startService({ settings: escrow.settings({ RPC_URL: node.url }) });
        service.at = new SessionAt(service);
    });
    after(async () => {
        await service?.at.stop();
        await service?.audit();
        await service?.stop();
        await node?.stop();
        await anvil?.stop();
    });

    const attest = (id) =>
        service.post(`/session/${id}/attest`, undefined, { headers: { 'X-Service-Token': serviceToken } });
    async function due() {
        const id = (bookings += 1);
        // Completed by now, and not over: the service's own sweep closes the rooms of those that are.
        const { start } = await escrow.book([id], unixNow() - 25 * minute, { minutes: 60 });
        await service.at.place(id, start, [
            [escrow.host, 0],
            [escrow.guest, 0],
        ]);
        return id;
    }
    // A call of that name gets this answer, after the real node has had it if `isForwarded`.
    function answerTo(method, error, { isForwarded = false, status = 200 } = {}) {
        node.answer = async (request, response, call) => {
            if (call.method !== method) return passTo(anvil.url)(request, response, call);
            if (isForwarded) await ask(anvil.url, call);
            const body = JSON.stringify({ jsonrpc: '2.0', id: call.id, error });
            response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
        };
    }
    const answerAsItIs = () => (node.answer = passTo(anvil.url));

    const known = [
        'already known', // geth, reth, Erigon
        'Already known',
        `known transaction: ${'ab'.repeat(32)}`, // geth of old
        'transaction already imported', // anvil
        'Known transaction', // Besu
        'AlreadyKnown', // Nethermind
        'ALREADY_EXISTS: already known', // Erigon
        'INTERNAL_ERROR: existing tx with same hash',
        'existing tx with same hash',
        'Transaction with the same hash was already imported.', // OpenEthereum
        'known transaction. transaction with hash 0xab is already in the system', // zkSync
        '[Request ID: 7e6b5a10-0a5c-4d55-8f0c-2f7b1a6f2b11] already known', // Hedera's relay
        'transaction is already imported: already known',
    ];
    it(`${known.length} ways to say that it is known are success`, async () => {
        for (const message of known) {
            const id = await due();
            answerTo('eth_sendRawTransaction', { code: -32000, message }, { isForwarded: true });
            ok(await attest(id));
            answerAsItIs();
            await anvil.allMined();
            assert.equal(ok(await attest(id)).status, 'confirmed', message);
        }
        assert.match(service.logs(), /the node answered eth_sendRawTransaction with code -32000: already known/);
    });

    it('too much asked, or a full pool, is told to come back', async () => {
        for (const [error, status] of [
            [{ code: -32005, message: 'daily request count exceeded' }],
            [{ code: 429, message: 'compute units' }, 429],
            [{ code: -32000, message: 'txpool is full' }],
            [{ code: -32000, message: 'Transaction pool is full' }],
        ]) {
            const id = await due();
            answerTo('eth_sendRawTransaction', error, { status });
            const reply = await attest(id);
            expect(reply, 503, 'chain_unavailable');
            assert.match(reply.headers['retry-after'], /^\d+$/);
            answerAsItIs();
            ok(await attest(id));
        }
    });

    it('what nobody knows is a refusal', async () => {
        const raw = 'f8'.repeat(200);
        for (const message of ['unknown transaction type', 'transaction type not supported', `no: 0x${raw}`, '']) {
            const id = await due();
            answerTo('eth_sendRawTransaction', { code: -32000, message });
            expect(await attest(id), 502, 'attestation_failed');
            await service.at.stored(id, 'submitted');
            answerAsItIs();
            ok(await attest(id));
        }
        assert.match(service.logs(), /with code -32000: unknown transaction type/);
        assert.ok(!service.logs().includes(raw.slice(0, 80)));
    });

    it('a revert is a revert in all their forms', async () => {
        const text = '08c379a0' + '20'.padStart(64, '0') + 'a'.padStart(64, '0') + toHex('NOT_BOOKED').slice(2).padEnd(64, '0');
        const custom = '5a31cbdb'; // of an error that a contract defines
        for (const [error, reason, status] of [
            [{ code: 3, message: 'execution reverted: NOT_BOOKED', data: `0x${text}` }, 'NOT_BOOKED'], // geth, Erigon
            [{ code: 3, message: 'execution reverted', data: `0x${custom}` }, `custom error 0x${custom}`],
            [{ code: -32000, message: 'execution reverted: NOT_BOOKED' }, 'NOT_BOOKED'], // Erigon of old
            [{ code: -32000, message: 'Execution reverted' }, 'reverted without a reason'], // Besu
            [{ code: -32015, message: 'VM execution error.', data: `Reverted 0x${text}` }, 'NOT_BOOKED'], // Nethermind
            [{ code: -32000, message: `Reverted 0x${custom}` }, `custom error 0x${custom}`],
            [{ code: 3, message: `[Request ID: 1] execution reverted: 0x${text}`, data: `0x${text}` }, 'NOT_BOOKED', 400],
        ]) {
            const id = await due();
            answerTo('eth_estimateGas', error, { status });
            const reply = await attest(id);
            answerAsItIs();
            expect(reply, 502, 'attestation_failed');
            assert.equal(reply.json.reason, reason, JSON.stringify(error));
            ok(await attest(id));
        }
    });

    it('a node that still indexes its transactions gets again what its pool has lost', async () => {
        const id = await due();
        await anvil.mineByHand();
        ok(await attest(id));
        const { transactions } = await service.at.stored(id, 'submitted');
        await anvil.request('anvil_dropTransaction', transactions[0].tx_hash);
        answerTo('eth_getTransactionReceipt', { code: -32000, message: 'transaction indexing is in progress' });
        await service.at.must('sweep', unixNow() + 61);
        answerAsItIs();
        await anvil.mineAll();
        await anvil.mined(transactions[0].tx_hash);
        assert.equal(ok(await attest(id)).status, 'confirmed');
        assert.equal((await escrow.eventsOf(id)).length, 1);
    });
});

// Leading zeros of r and s, which one signature in 128 has, must not be written.
it('10,000 transactions are signed as viem signs them', async (t) => {
    const machine = new Machine({ CHAIN_MODE: 'mock', ENVIRONMENT: 'development' });
    t.after(() => machine.stop());
    const key = generatePrivateKey();
    const account = privateKeyToAccount(key);
    const random = (below) => Math.floor(Math.random() * below);
    const counts = { 'short r': 0, 'short s': 0 };
    const check = async (i) => {
        const [nonce, gas] = [random(2 ** 32), BigInt(21000 + random(1e6))];
        const [fee, tip] = [parseGwei(String(1 + random(1000))), BigInt(random(1e9))];
        const data = toHex(new Uint8Array(random(120)).map(() => random(256)));
        const to = privateKeyToAccount(generatePrivateKeyOf(i)).address;
        const common = { chainId, nonce, gas, to, value: BigInt(random(2)), data };
        const isLegacy = i % 2 === 0;
        const raw = await account.signTransaction(
            isLegacy
                ? { ...common, type: 'legacy', gasPrice: fee }
                : { ...common, type: 'eip1559', maxFeePerGas: fee, maxPriorityFeePerGas: tip },
        );
        const ours = await machine.at.must('sign', key, chainId, nonce, gas, fee, isLegacy ? '-' : tip, to, common.value, data);
        assert.equal(ours.raw, raw, JSON.stringify({ key, ...ours }));
        const [r, s] = lastTwo(raw);
        counts['short r'] += r < 32 ? 1 : 0;
        counts['short s'] += s < 32 ? 1 : 0;
    };
    const generatePrivateKeyOf = (i) => `0x${(1 + (i % 7)).toString(16).padStart(64, '0')}`;
    // How long r and s are: the last two texts of the list.
    const lastTwo = (raw) => {
        for (let s = 32; s > 25; s -= 1) {
            if (raw.slice(-2 * s - 2, -2 * s) !== (0x80 + s).toString(16)) continue;
            const before = raw.slice(0, -2 * s - 2);
            for (let r = 32; r > 25; r -= 1)
                if (before.slice(-2 * r - 2, -2 * r) === (0x80 + r).toString(16)) return [r, s];
        }
        return [32, 32];
    };
    for (let i = 0; i < 10_000; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => check(i + j)));
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts['short r'] > 5 && counts['short s'] > 5);
});
