// Blocks that are taken back, a chain that begins anew, and a transaction that is stuck, on a real node.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Anvil, FakeNode, json, passTo } from './node.mjs';
import { attestingSweep, Escrow, Machine, runProgram, unixNow } from './oracle.mjs';

const minute = 60;
const rounds = Number(process.env.CONFIRM_ROUNDS ?? 3);
const confirmations = 12; // more than the longest reorganisation below

// As nodes of chains without finality answer.
const withoutFinality = (anvil) => (request, response, call) =>
    call.method === 'eth_getBlockByNumber' && call.params[0] === 'finalized'
        ? json(response, { jsonrpc: '2.0', id: call.id, error: { code: -39001, message: 'Unknown block' } })
        : passTo(anvil.url)(request, response, call);

// Sessions that were completed a while ago.
async function due(escrow, machine, ids) {
    const { start, end } = await escrow.book(ids, unixNow() - 25 * minute);
    const stays = [
        [escrow.host, 0],
        [escrow.guest, 0],
    ];
    await Promise.all(ids.map((id) => machine.at.place(id, start, stays)));
    return [start, end, start, end, 1200];
}

// Each sweep a little more than a minute after the one before, when what is lost is sent again.
function clockOf(machine) {
    let now = unixNow();
    return () => machine.at.must('sweep', (now += 61));
}

describe('reorganisations', { concurrency: 2 }, () => {
    for (const state of ['submitted', 'mined', 'confirmed']) {
        for (const comesBack of [false, true]) {
            it(`of 1 to 10 blocks, ${state}, ${comesBack ? 'sent again by others too' : 'dropped'}`, async (t) => {
                const anvil = await Anvil.start('--slots-in-an-epoch', '32');
                const node = await FakeNode.start(withoutFinality(anvil));
                const escrow = await Escrow.deploy(anvil);
                const machine = new Machine(
                    escrow.settings({ RPC_URL: node.url, ORACLE_CONFIRMATIONS: String(confirmations) }),
                );
                t.after(async () => {
                    await machine.stop();
                    await node.stop();
                    await anvil.stop();
                });
                const sweep = clockOf(machine);
                const mine = (blocks) => anvil.request('anvil_mine', `0x${blocks.toString(16)}`);
                const counts = { rounds: 0, taken_back: 0, sent: 0 };
                for (let round = 0; round < rounds; round += 1) {
                    const id = round + 1;
                    const blocks = rounds >= 10 ? (round % 10) + 1 : [1, 10, 4][round % 3];
                    await anvil.request('evm_setAutomine', true);
                    const metrics = await due(escrow, machine, [id]);
                    await anvil.mineByHand();
                    let before = await anvil.request('evm_snapshot');
                    assert.equal((await sweep()).submitted, 1);
                    const { transactions } = await machine.at.stored(id, 'submitted');
                    if (state === 'confirmed') {
                        await mine(confirmations + 1);
                        assert.equal((await sweep()).confirmed, 1);
                        before = await anvil.request('evm_snapshot');
                    }
                    await mine(blocks);
                    if (state === 'mined') assert.equal((await sweep()).mined, 1);
                    assert.equal((await escrow.eventsOf(id)).length, 1);

                    assert.equal(await anvil.request('evm_revert', before), true);
                    assert.equal((await escrow.eventsOf(id)).length, state === 'confirmed' ? 1 : 0);
                    const sendAgain = () => anvil.request('eth_sendRawTransaction', transactions[0].raw);
                    if (comesBack && state !== 'confirmed' && round % 2 === 0) await sendAgain();
                    counts.taken_back += (await sweep()).taken_back;
                    if (comesBack && round % 2 === 1) await sendAgain().catch(() => {}); // it is known by now
                    await mine(confirmations + 1);
                    for (let sweeps = 0; (await machine.at.tell('unsettled')).length > 0; sweeps += 1) {
                        assert.ok(sweeps < 5, 'it settles');
                        await sweep();
                        await mine(confirmations + 1);
                    }
                    const stored = await machine.at.stored(id, 'confirmed');
                    assert.equal(stored.transactions.length, 1);
                    await escrow.checkAttested(id, 'completed', metrics, stored.tx_hash);
                    assert.equal(await escrow.transactionCount(), id);
                    counts.rounds += 1;
                    counts.sent += stored.transactions.length;
                }
                const events = await escrow.attestedEvents();
                assert.equal(events.length, rounds);
                t.diagnostic(`${counts.rounds} rounds, ${counts.taken_back} seen to be taken back, ${events.length} attestations`);
            });
        }
    }
});

describe('a chain that begins anew', () => {
    for (const isFinal of [true, false]) {
        it(`gets attestations from its own count on (${isFinal ? 'confirmed' : 'mined'} before)`, async (t) => {
            const start = () => Anvil.start('--slots-in-an-epoch', isFinal ? '0' : '32');
            let anvil = await start();
            const node = await FakeNode.start(passTo(anvil.url));
            const escrow = await Escrow.deploy(anvil);
            const machine = new Machine(escrow.settings({ RPC_URL: node.url }));
            t.after(async () => {
                await machine.stop();
                await node.stop();
                await anvil.stop();
            });
            const sweep = clockOf(machine);
            await due(escrow, machine, [1, 2, 3]);
            await sweep();
            await anvil.allMined();
            await sweep();
            for (const id of [1, 2, 3]) await machine.at.stored(id, isFinal ? 'confirmed' : 'mined');

            await anvil.stop();
            anvil = await start();
            node.answer = passTo(anvil.url);
            escrow.anvil = anvil;
            escrow.contract = await anvil.deploy('MockEscrow', [escrow.oracle]);
            await escrow.fund();
            const metrics = await due(escrow, machine, [4, 5]);
            if (isFinal) {
                const doctor = await runProgram(machine, 'session-voice-admin', ['doctor']);
                assert.match(doctor.stdout, /0 transactions of the oracle, 3 were confirmed: it is another chain/);
                const { tally, stderr } = await attestingSweep(machine);
                assert.deepEqual([tally.submitted, tally.another_chain], [2, true]);
                assert.match(stderr, /it began anew; new attestations go on from its count/);
            }
            for (let sweeps = 0; sweeps < 3; sweeps += 1) {
                await sweep();
                await anvil.allMined();
            }
            for (const id of [4, 5]) {
                const { nonce, tx_hash } = await machine.at.stored(id, isFinal ? 'confirmed' : 'mined');
                assert.equal(nonce, id - (isFinal ? 4 : 1));
                await escrow.checkAttested(id, 'completed', metrics, tx_hash);
            }
            await escrow.checkNothingWaits();
        });
    }
});

it('a stuck attestation is taken out by an operator', async (t) => {
    const anvil = await Anvil.start();
    const escrow = await Escrow.deploy(anvil);
    const machine = new Machine(escrow.settings());
    t.after(async () => {
        await machine.stop();
        await anvil.stop();
    });
    const admin = async (...args) => {
        const { code, stdout, stderr } = await runProgram(machine, 'session-voice-admin', ['attest', ...args, '--json']);
        return code === 0 ? JSON.parse(stdout).attestation : JSON.parse(stderr.trim().split('\n').at(-1));
    };
    const metrics = await due(escrow, machine, [1, 2]);
    await anvil.mineByHand();
    await attestingSweep(machine);
    const { nonce } = await machine.at.stored(1, 'submitted');

    const rehearsed = await admin('cancel', '1', '--dry-run');
    assert.deepEqual(
        rehearsed.transactions.map(({ kind }) => kind),
        ['attestation', 'cancellation'],
    );
    assert.equal((await machine.at.stored(1, 'submitted')).transactions.length, 1);

    const cancelled = await admin('cancel', '1');
    assert.deepEqual([cancelled.state, cancelled.transactions[1].nonce], ['submitted', nonce]);
    const sent = await anvil.request('eth_getTransactionByHash', cancelled.transactions[1].tx_hash);
    assert.deepEqual([sent.to, sent.value, sent.input], [escrow.oracle.toLowerCase(), '0x0', '0x']);
    await anvil.mineAll();
    await attestingSweep(machine);
    const { failure } = await machine.at.stored(1, 'failed');
    assert.equal(failure, 'cancelled by an operator');
    await machine.at.stored(2, 'confirmed'); // it had waited behind
    assert.deepEqual(await escrow.eventsOf(1), []);
    assert.equal((await admin('cancel', '1')).error, 'nothing_to_cancel');
    assert.equal((await admin('cancel', '2')).error, 'nothing_to_cancel');
    assert.equal((await admin('cancel', '3')).error, 'attestation not found');

    await admin('retry', '1');
    await anvil.allMined();
    await attestingSweep(machine);
    await escrow.checkAttested(1, 'completed', metrics, (await machine.at.stored(1, 'confirmed')).tx_hash);
    const text = await runProgram(machine, 'session-voice-admin', ['sessions', 'show', '1']);
    assert.match(text.stdout, /cancellation, nonce 0/);
});
