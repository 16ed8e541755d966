// The oracle against the escrow contract on a real node: when it attests and what, and that nothing that goes wrong in
// between makes it attest twice, otherwise or not at all.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { toFunctionSelector, zeroAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { Anvil, ask, chainId, FakeNode, hang, json, passTo } from './node.mjs';
import {
    attestingSweep,
    bookingStatus,
    Escrow,
    Machine,
    metricsHash,
    runProgram,
    serviceToken,
    SessionAt,
    sweepUntilSettled,
    unixNow,
} from './oracle.mjs';
import { build, expect, ok, runAsCron, startService } from './service.mjs';

const minute = 60;
const hour = 60 * minute;

const isCallOf = (signature) => (call) =>
    call.method === 'eth_call' && call.params[0].data.startsWith(toFunctionSelector(signature));

// The first such call to the node gets its answer when it is released.
function hold(node, anvil, isIt) {
    let arrive;
    let release;
    const arrived = new Promise((resolve) => (arrive = resolve));
    const released = new Promise((resolve) => (release = resolve));
    node.answer = (request, response, call) => {
        if (!isIt(call)) return passTo(anvil.url)(request, response, call);
        node.answer = passTo(anvil.url);
        arrive();
        return released.then(() => passTo(anvil.url)(request, response, call));
    };
    return { arrived, release };
}

describe('attesting at a given second', () => {
    let anvil;
    let escrow;
    let machine;
    let at;
    before(async () => {
        anvil = await Anvil.start('--timestamp', '1900000000');
        escrow = await Escrow.deploy(anvil);
        machine = new Machine(escrow.settings());
        at = machine.at;
    });
    after(async () => {
        await machine?.stop();
        await anvil?.stop();
    });

    let bookings = 100;
    const newId = () => (bookings += 1);
    // Slots follow each other, as the node's time cannot go back.
    let last = 1900000000;
    function nextStart(minutes = 20) {
        const start = last + hour;
        last = start + minutes * minute + 5 * hour;
        return start;
    }
    async function attestAt(id, second, ...more) {
        await anvil.setTime(second);
        return at.tell('attest', id, second, ...more);
    }
    async function refusedAt(id, second, error, outcome, reason) {
        assert.equal((await attestAt(id, second)).error, error);
        assert.equal(await escrow.refusal(id, outcome), reason);
        assert.deepEqual(await escrow.eventsOf(id), []);
        assert.equal(await at.tell('show', id), null);
    }
    // Attests, and looks at what the chain and the database have then.
    async function attestedAt(id, second, outcome, metrics) {
        await anvil.setTime(second);
        assert.equal(await escrow.refusal(id, outcome), undefined);
        const count = await escrow.transactionCount();
        const first = await at.must('attest', id, second);
        assert.equal(first.outcome, outcome);
        assert.equal(first.metrics_hash, metricsHash(id, metrics));
        assert.equal(first.nonce, count);
        const event = await escrow.checkAttested(id, outcome, metrics, first.tx_hash);
        const block = await anvil.client.getBlock({ blockNumber: event.blockNumber });
        assert.equal(Number(block.timestamp), second);
        const again = await at.must('attest', id, second);
        assert.deepEqual([again.tx_hash, again.state], [first.tx_hash, 'confirmed']);
        assert.equal(await escrow.transactionCount(), count + 1);
    }

    // What an outcome takes: the slot, who is there from when to when, its window, and the metrics at a second.
    const [host, guest] = ['host', 'guest'];
    const kinds = [
        {
            name: 'completed',
            outcome: 'completed',
            terms: {},
            stays: [
                [host, -60],
                [guest, -30],
            ],
            window: [600, 1200 + 2 * 3600],
            metrics: (start, t) => [start - 60, t, start - 30, t, t - start + 30],
            errors: ['overlap_not_met', 'completed_too_late'],
            reasons: ['OVERLAP_NOT_MET', 'TOO_LATE'],
        },
        {
            name: 'no-show-host, who never came',
            outcome: 'no-show-host',
            terms: { graceMins: 15 },
            stays: [[guest, 10]],
            window: [900, 900 + 1200],
            metrics: (start, t) => [0, 0, start + 10, t, 0],
            errors: ['grace_not_over', 'no_show_too_late'],
            reasons: ['GRACE_NOT_OVER', 'NO_SHOW_TOO_LATE'],
        },
        {
            name: 'no-show-host, who left first',
            outcome: 'no-show-host',
            terms: { graceMins: 15 },
            stays: [
                [host, 20, 220],
                [guest, 10],
            ],
            window: [900, 900 + 1200],
            metrics: (start, t) => [start + 20, start + 220, start + 10, t, 200],
            errors: ['grace_not_over', 'no_show_too_late'],
            reasons: ['GRACE_NOT_OVER', 'NO_SHOW_TOO_LATE'],
        },
        {
            name: 'no-show-guest, who never came',
            outcome: 'no-show-guest',
            terms: { graceMins: 15 },
            stays: [[host, 0]],
            window: [900, 900 + 1200],
            metrics: (start, t) => [start, t, 0, 0, 0],
            errors: ['grace_not_over', 'no_show_too_late'],
            reasons: ['GRACE_NOT_OVER', 'NO_SHOW_TOO_LATE'],
        },
        {
            name: 'no-show-guest, who left first',
            outcome: 'no-show-guest',
            terms: { graceMins: 15 },
            stays: [
                [host, 0],
                [guest, 30, 329],
            ],
            window: [900, 900 + 1200],
            metrics: (start, t) => [start, t, start + 30, start + 329, 299],
            errors: ['grace_not_over', 'no_show_too_late'],
            reasons: ['GRACE_NOT_OVER', 'NO_SHOW_TOO_LATE'],
        },
    ];
    for (const { name, outcome, terms, stays, window, metrics, errors, reasons } of kinds) {
        it(`knows the window: ${name}`, async () => {
            const [early, late, tooLate] = [newId(), newId(), newId()];
            const { start, end } = await escrow.book([early, late, tooLate], nextStart(), terms);
            for (const id of [early, late, tooLate])
                await at.place(
                    id,
                    start,
                    stays.map(([party, ...times]) => [escrow[party], ...times]),
                );
            const [opens, closes] = window.map((seconds) => start + seconds);
            const metricsAt = (second) => metrics(start, Math.min(second, end));
            await refusedAt(early, opens - 1, errors[0], outcome, reasons[0]);
            await attestedAt(early, opens, outcome, metricsAt(opens));
            await attestedAt(late, closes, outcome, metricsAt(closes));
            await refusedAt(tooLate, closes + 1, errors[1], outcome, reasons[1]);
        });
    }

    it('has something to say once the outcome can no longer change', async () => {
        const id = newId();
        const { start, end } = await escrow.book(id, nextStart());
        await at.place(id, start, [
            [escrow.host, 0],
            [escrow.guest, 30, 629],
        ]);
        // One second of overlap is missing. It fits until the last second.
        await refusedAt(id, start + 300, 'session still in progress', 'no-show-guest', undefined);
        await refusedAt(id, end - 1, 'session still in progress', 'no-show-guest', undefined);
        await attestedAt(id, end, 'no-show-guest', [start, end, start + 30, start + 629, 599]);
    });

    it('adds up what a broken connection left', async () => {
        const id = newId();
        const { start } = await escrow.book(id, nextStart());
        await at.place(id, start, [
            [escrow.host, 0, 300],
            [escrow.host, 480],
            [escrow.guest, 0],
        ]);
        await refusedAt(id, start + 779, 'session still in progress', 'no-show-guest', undefined);
        await attestedAt(id, start + 780, 'completed', [start, start + 780, start, start + 780, 600]);
    });

    it('adds up an overlap in two pieces', async () => {
        const [enough, tooLittle] = [newId(), newId()];
        const { start, end } = await escrow.book([enough, tooLittle], nextStart(), { minOverlapMins: 8 });
        const before = [
            [escrow.host, 0, 400],
            [escrow.guest, 200, 600],
            [escrow.host, 700],
        ];
        await at.place(enough, start, [...before, [escrow.guest, 900]]);
        await at.place(tooLittle, start, [...before, [escrow.guest, 921]]);
        await refusedAt(enough, start + 1179, 'session still in progress', 'no-show-guest', undefined);
        await attestedAt(enough, start + 1180, 'completed', [start, start + 1180, start + 200, start + 1180, 480]);
        await attestedAt(tooLittle, end, 'no-show-guest', [start, end, start + 200, end, 479]);
    });

    it('counts a party on two devices once', async () => {
        const id = newId();
        const { start, end } = await escrow.book(id, nextStart());
        await at.place(id, start, [
            [escrow.host, -100],
            [escrow.guest, 0, 590],
            [escrow.host, 100], // the second device takes the seat
            [escrow.host, 200, 580],
        ]);
        await attestedAt(id, end, 'no-show-host', [start - 100, start + 580, start, start + 590, 580]);
    });

    it('counts tabs that were never closed to the end of the slot', async () => {
        const [short, long] = [newId(), newId()];
        const stays = [
            [escrow.host, 0],
            [escrow.guest, 60],
        ];
        const quick = await escrow.book(short, nextStart());
        await at.place(short, quick.start, stays);
        await attestedAt(short, quick.end + hour, 'completed', [
            quick.start,
            quick.end,
            quick.start + 60,
            quick.end,
            1140,
        ]);
        const slow = await escrow.book(long, nextStart(240), { minutes: 240, minOverlapMins: 239 });
        await at.place(long, slow.start, stays);
        await attestedAt(long, slow.end, 'completed', [slow.start, slow.end, slow.start + 60, slow.end, 14340]);
    });

    it('knows what it means that nobody came', async () => {
        const id = newId();
        const { start, end } = await escrow.book(id, nextStart(), { graceMins: 0 });
        await refusedAt(id, start - 1, 'grace_not_over', 'no-show-host', 'GRACE_NOT_OVER');
        await refusedAt(id, start + 600, 'session still in progress', 'no-show-host', undefined);
        await attestedAt(id, end, 'no-show-host', [0, 0, 0, 0, 0]);
    });

    it('can be forced while developing', async () => {
        const id = newId();
        const { start, end } = await escrow.book(id, nextStart());
        assert.equal((await attestAt(id, start + 599, 'completed')).error, 'overlap_not_met');
        const { outcome, tx_hash } = await attestAt(id, start + 600, 'completed');
        assert.equal(outcome, 'completed');
        await escrow.checkAttested(id, 'completed', [0, 0, 0, 0, 0], tx_hash);
        assert.equal((await attestAt(id, end, 'no-show-host')).outcome, 'completed');
    });

    it('sweeps at the edges of the windows', async (t) => {
        const [inTime, missed] = [newId(), newId()];
        const start = nextStart();
        const { end } = await escrow.book(inTime, start, { graceMins: 0 });
        await escrow.book(missed, start, { graceMins: 0 });
        const other = new Machine(escrow.settings());
        t.after(() => other.stop());
        const sweepAt = async (second) => {
            await anvil.setTime(second);
            return other.at.tell('sweep', second);
        };
        const line = {
            scanned: 1,
            submitted: 0,
            mined: 0,
            confirmed: 0,
            taken_back: 0,
            not_due: 0,
            not_booked: 0,
            window_missed: 0,
            failed: 0,
            another_chain: false,
        };
        const stays = [
            [escrow.host, 0],
            [escrow.guest, 100, 699],
        ];
        // The window of a no-show closes with the session. One second of overlap is missing, so it opens with it, too.
        await other.at.place(inTime, start, stays);
        assert.deepEqual(await sweepAt(start - 1), { ...line, scanned: 0 });
        assert.deepEqual(await sweepAt(end - 1), { ...line, not_due: 1 });
        const first = await sweepAt(end);
        const { tx_hash } = await other.at.tell('show', inTime);
        await escrow.checkAttested(inTime, 'no-show-guest', [start, end, start + 100, start + 699, 599], tx_hash);
        const second = await sweepAt(end);
        assert.equal(first.confirmed + second.confirmed, 1);
        assert.deepEqual({ ...first, confirmed: 0 }, { ...line, submitted: 1 });
        assert.deepEqual({ ...second, confirmed: 0 }, { ...line, scanned: 0 });

        await other.at.place(missed, start, stays);
        await anvil.setTime(end + 1);
        assert.equal(await escrow.refusal(missed, 'no-show-guest'), 'NO_SHOW_TOO_LATE');
        assert.deepEqual(await sweepAt(end + 1), { ...line, window_missed: 1 });
        assert.deepEqual(await sweepAt(end + 2), { ...line, scanned: 0 });
        assert.deepEqual(await escrow.eventsOf(missed), []);
    });

    describe('with blocks made by hand', () => {
        let id;
        let end;
        let metrics;
        before(() => anvil.mineByHand());
        after(() => anvil.mineAll());

        // A completed session, due now.
        async function due() {
            id = newId();
            await anvil.mineAll();
            const slot = await escrow.book(id, nextStart());
            ({ end } = slot);
            await at.place(id, slot.start, [
                [escrow.host, 0],
                [escrow.guest, 0],
            ]);
            metrics = [slot.start, end, slot.start, end, 1200];
            await anvil.mineByHand();
            await anvil.setTime(end);
        }
        // Goes before the oracle's in the next block.
        const overtaking = { maxFeePerGas: '0x174876e800', maxPriorityFeePerGas: '0x12a05f2000' };
        const mineAt = async (second) => {
            await anvil.setTime(second);
            await anvil.request('evm_mine');
        };

        for (const [name, status] of Object.entries(bookingStatus).filter(([, number]) => number !== 1)) {
            it(`somebody else changes the status to ${name} in between`, async () => {
                await due();
                const { tx_hash, state } = await at.must('attest', id, end);
                assert.equal(state, 'submitted');
                await escrow.setStatus(id, status, overtaking);
                await mineAt(end + 1);
                const refused = await at.tell('attest', id, end + 2);
                assert.deepEqual([refused.error, refused.reason], ['attestation_failed', 'NOT_BOOKED']);
                const { failure, transactions } = await at.stored(id, 'failed');
                assert.equal(failure, 'NOT_BOOKED');
                assert.deepEqual([transactions.length, transactions[0].tx_hash], [1, tx_hash]);
                assert.equal((await anvil.client.getTransactionReceipt({ hash: tx_hash })).status, 'reverted');
                assert.deepEqual(await escrow.eventsOf(id), []);
                // It stays so, and nothing more is sent.
                const count = await escrow.transactionCount();
                assert.equal((await at.must('sweep', end + 3)).submitted, 0);
                assert.equal((await at.tell('attest', id, end + 3)).error, 'attestation_failed');
                await mineAt(end + 3);
                assert.equal(await escrow.transactionCount(), count);
                await escrow.checkNothingWaits();
            });
        }

        it('is sent once more by an operator, who can rehearse it', async () => {
            const admin = async (...args) => {
                const { code, stdout, stderr } = await runProgram(machine, 'session-voice-admin', [...args, '--json']);
                assert.equal(code, 0, stderr);
                return JSON.parse(stdout);
            };
            await due();
            const { tx_hash } = await at.must('attest', id, end);
            await escrow.setStatus(id, bookingStatus.cancelled, overtaking);
            await mineAt(end + 1);
            await at.tell('attest', id, end + 2);
            await escrow.setStatus(id, bookingStatus.booked);
            await mineAt(end + 3);

            const count = await escrow.transactionCount();
            const rehearsed = (await admin('attest', 'retry', String(id), '--dry-run')).attestation;
            assert.deepEqual([rehearsed.state, rehearsed.transactions.length], ['submitted', 2]);
            await escrow.checkNothingWaits();
            const { attestation: kept } = await admin('sessions', 'show', String(id));
            assert.deepEqual([kept.state, kept.failure, kept.transactions.length], ['failed', 'NOT_BOOKED', 1]);
            assert.equal(kept.transactions[0].tx_hash, tx_hash);
            assert.deepEqual(
                readdirSync(machine.folder).filter((name) => /rehearsal/.test(name)),
                [],
            );

            const { attestation } = await admin('attest', 'retry', String(id));
            assert.equal(attestation.state, 'submitted');
            await mineAt(end + 5);
            assert.equal(await escrow.transactionCount(), count + 1);
            const settled = await admin('attest', 'retry', String(id));
            assert.equal(settled.attestation.state, 'confirmed');
            const shown = await admin('sessions', 'show', String(id));
            assert.deepEqual([shown.host.wallet, shown.guest.wallet], [escrow.host, escrow.guest]);
            assert.equal(shown.attestation.state, 'confirmed');
            const listed = (await admin('sessions', 'list')).sessions.find((each) => each.booking_id === String(id));
            assert.deepEqual([listed.outcome, listed.state], ['completed', 'confirmed']);
        });

        it('waits for a slow block with the one transaction', async () => {
            await due();
            const first = await at.must('attest', id, end);
            for (const seconds of [1, 30, 59, 61, 150]) {
                await anvil.setTime(end + seconds);
                const again = await at.must('attest', id, end + seconds);
                assert.deepEqual([again.tx_hash, again.state], [first.tx_hash, 'submitted']);
            }
            await mineAt(end + 200);
            assert.equal((await at.must('attest', id, end + 200)).state, 'confirmed');
            await escrow.checkAttested(id, 'completed', metrics, first.tx_hash);
        });

        // The fees rise to more than the transaction offers: while it waits, or with a block that drops it.
        for (const isDropped of [false, true]) {
            it(`offers more when the network becomes dearer (${isDropped ? 'dropped' : 'waiting'})`, async () => {
                await due();
                const count = await escrow.transactionCount();
                const first = await at.must('attest', id, end);
                const [{ max_fee_per_gas }] = first.transactions;
                const dear = BigInt(max_fee_per_gas) * 3n;
                await anvil.request('anvil_setNextBlockBaseFeePerGas', `0x${dear.toString(16)}`);
                if (isDropped) await mineAt(end + 1);
                const waiting = async () => BigInt((await anvil.request('txpool_status')).pending);
                assert.equal(await waiting(), isDropped ? 0n : 1n);
                await anvil.setTime(end + 59);
                assert.equal((await at.must('sweep', end + 59)).failed, 0);
                assert.equal((await at.stored(id, 'submitted')).transactions.length, 1);

                await anvil.setTime(end + 61);
                assert.equal((await at.must('sweep', end + 61)).failed, 0);
                const raised = await at.stored(id, 'submitted');
                assert.deepEqual(
                    raised.transactions.map(({ nonce }) => nonce),
                    [count, count],
                );
                assert.ok(BigInt(raised.transactions[1].max_fee_per_gas) > dear);
                assert.equal(await waiting(), 1n);
                assert.equal((await at.must('sweep', end + 62)).failed, 0); // not again so soon
                await mineAt(end + 63);
                assert.equal((await at.must('sweep', end + 63)).confirmed, 1);
                const { tx_hash, transactions } = await at.stored(id, 'confirmed');
                assert.equal(transactions.length, 2);
                assert.equal(tx_hash, transactions[1].tx_hash);
                await escrow.checkAttested(id, 'completed', metrics, tx_hash);
                assert.equal(await escrow.transactionCount(), count + 1);
                await escrow.checkNothingWaits();
            });
        }
    });
});

describe('the oracle and its node', () => {
    let anvil;
    before(async () => (anvil = await Anvil.start()));
    after(() => anvil?.stop());

    // A completed session, due now; a copy that knows of it.
    async function dueSession(t, escrow, settings) {
        const { start, end } = await escrow.book(1, unixNow() - 25 * minute);
        const machine = new Machine(escrow.settings(settings));
        t.after(() => machine.stop());
        await machine.at.place(1, start, [
            [escrow.host, 0],
            [escrow.guest, 0],
        ]);
        return { machine, metrics: [start, end, start, end, 1200] };
    }

    it('signs as the node asks for without a base fee', async (t) => {
        const old = await Anvil.start('--hardfork', 'berlin');
        t.after(() => old.stop());
        old.fees = { gasPrice: '0x2540be400' }; // it cannot suggest any
        const escrow = await Escrow.deploy(old);
        const { machine, metrics } = await dueSession(t, escrow);
        const { code, tally, stderr } = await attestingSweep(machine);
        assert.deepEqual([code, tally.submitted], [0, 1], stderr);
        await sweepUntilSettled([machine]);
        const { tx_hash, transactions } = await machine.at.stored(1, 'confirmed');
        assert.equal(transactions[0].is_legacy, true);
        await escrow.checkAttested(1, 'completed', metrics, tx_hash);
        const mined = await old.request('eth_getTransactionByHash', tx_hash);
        assert.equal(mined.type, '0x0');
        assert.equal(Number(mined.chainId), chainId);
        assert.ok([2 * chainId + 35, 2 * chainId + 36].includes(Number(mined.v)), `v is ${mined.v}`);
    });

    it("is asked by cron's line", async (t) => {
        const escrow = await Escrow.deploy(anvil);
        const { machine, metrics } = await dueSession(t, escrow);
        const log = path.join(machine.folder, 'cron.log');
        const { code, stdout, stderr } = await runAsCron('session-voice-attest', {
            '/usr/local/bin/session-voice-attest': path.join(build, 'session-voice-attest'),
            '/etc/session-voice/session-voice.env': machine.config,
            '/var/log/session-voice/attest.log': log,
            ' --every 15 --for 60': '', // one of its rounds
        });
        assert.deepEqual([code, stdout, stderr], [0, '', '']);
        assert.equal(JSON.parse(readFileSync(log, 'utf8')).submitted, 1);
        await sweepUntilSettled([machine]);
        await escrow.checkAttested(1, 'completed', metrics);
    });

    // Of all calls one at a time is allowed, and each takes longer than a request would wait for its turn.
    it('waits for its turn at the node', async (t) => {
        const node = await FakeNode.start((...exchange) => setTimeout(() => passTo(anvil.url)(...exchange), 300));
        t.after(() => node.stop());
        const escrow = await Escrow.deploy(anvil);
        const { machine, metrics } = await dueSession(t, escrow, { RPC_URL: node.url, RPC_MAX_CONCURRENT: '1' });
        const both = await Promise.all([attestingSweep(machine), attestingSweep(machine)]);
        for (const { code, stderr } of both) assert.equal(code, 0, stderr);
        await sweepUntilSettled([machine]);
        await escrow.checkAttested(1, 'completed', metrics);
    });

    it('signs nothing for another chain', async (t) => {
        const escrow = await Escrow.deploy(anvil);
        const { machine } = await dueSession(t, escrow, { CHAIN_ID: String(chainId + 1) });
        const refused = await machine.at.tell('attest', 1, unixNow());
        assert.equal(refused.error, 'attestation_failed');
        assert.equal(refused.reason, `the node is on chain ${chainId}, not on ${chainId + 1}`);
        const { code, tally, stderr } = await attestingSweep(machine);
        assert.deepEqual([code, tally.submitted, tally.failed], [1, 0, 1]);
        assert.match(stderr, /the node is on chain 6343, not on 6344/);
        assert.equal(await machine.at.tell('show', 1), null);
        assert.equal(await escrow.transactionCount(), 0);
    });

    it('says what an empty account needs, and attests once it has it', async (t) => {
        const escrow = await Escrow.deploy(anvil, { isFunded: false });
        const { machine, metrics } = await dueSession(t, escrow);
        const need = new RegExp(`the oracle ${escrow.oracle} holds 0 wei and needs [1-9]\\d*`, 'i');
        const refused = await machine.at.tell('attest', 1, unixNow());
        assert.equal(refused.error, 'attestation_failed');
        assert.match(refused.reason, need);
        const { code, tally, stderr } = await attestingSweep(machine);
        assert.deepEqual([code, tally.submitted, tally.failed], [1, 0, 1]);
        assert.match(stderr, need);
        assert.equal(await machine.at.tell('show', 1), null);
        await escrow.fund();
        assert.deepEqual((await attestingSweep(machine)).code, 0);
        await sweepUntilSettled([machine]);
        await machine.at.stored(1, 'confirmed');
        await escrow.checkAttested(1, 'completed', metrics);
        assert.equal(await escrow.transactionCount(), 1);
    });

    it('attests 200 sessions that are due at once', async (t) => {
        const escrow = await Escrow.deploy(anvil);
        const ids = Array.from({ length: 200 }, (_, i) => 1000 + i);
        const { start, end } = await escrow.book(ids, unixNow() - 25 * minute);
        const machine = new Machine(escrow.settings());
        t.after(() => machine.stop());
        const stays = [
            [escrow.host, 0],
            [escrow.guest, 0],
        ];
        await Promise.all(ids.map((id) => machine.at.place(id, start, stays)));
        const { code, tally, stderr, ms } = await attestingSweep(machine);
        t.diagnostic(`${tally.submitted} sessions in ${(ms / 1000).toFixed(2)} s`);
        assert.deepEqual([code, tally.submitted, tally.failed], [0, 200, 0], stderr);
        assert.ok(ms < 60_000, `${ms} ms`);
        t.diagnostic(`${tally.confirmed} of them confirmed by the same run`);
        await sweepUntilSettled([machine]);
        const stored = await Promise.all(ids.map((id) => machine.at.stored(id, 'confirmed')));
        const nonces = stored.map(({ nonce }) => nonce).sort((a, b) => a - b);
        assert.deepEqual(nonces, [...ids.keys()]);
        const events = await escrow.attestedEvents();
        assert.deepEqual(events.map(({ id }) => Number(id)).sort(), ids);
        for (const { id, outcome, hash } of events)
            assert.deepEqual([outcome, hash], ['completed', metricsHash(id, [start, end, start, end, 1200])]);
        assert.equal(await escrow.transactionCount(), 200);
    });

    it('the meter closes the room of tabs that were never closed', async (t) => {
        const escrow = await Escrow.deploy(anvil);
        const { machine } = await dueSession(t, escrow);
        await escrow.book(2, unixNow() - 5 * minute);
        await machine.at.place(2, unixNow() - 5 * minute, [[escrow.host, 0]]);
        const meter = async () =>
            JSON.parse((await runProgram(machine, 'session-voice-meter', ['--json'])).stdout).rooms_closed;
        assert.deepEqual([await meter(), await meter()], [1, 0]);
        assert.deepEqual(await machine.at.tell('leave', 1, escrow.host, unixNow()), { seconds: 0 });
        assert.ok((await machine.at.tell('leave', 2, escrow.host, unixNow())).seconds >= 5 * minute);
    });
});

describe('the service attests', () => {
    let anvil;
    let node; // what the first service takes for the node
    let escrow;
    let services;
    let clients; // the host, the guest and a stranger
    before(async () => {
        anvil = await Anvil.start();
        node = await FakeNode.start(passTo(anvil.url));
        const hostKey = generatePrivateKey();
        const guestKey = generatePrivateKey();
        const wallet = (key) => privateKeyToAccount(key).address.toLowerCase();
        escrow = await Escrow.deploy(anvil, { host: wallet(hostKey), guest: wallet(guestKey) });
        const settings = { RPC_TIMEOUT_MS: '1500' };
        services = await Promise.all([
            startService({ settings: escrow.settings({ ...settings, RPC_URL: node.url }) }),
            startService({ settings: escrow.settings(settings) }),
        ]);
        for (const service of services) service.at = new SessionAt(service);
        clients = [hostKey, guestKey, generatePrivateKey()].map((key) =>
            services[0].newClient(privateKeyToAccount(key)),
        );
        for (const client of clients) await client.signIn();
    });
    after(async () => {
        for (const service of services ?? []) {
            await service.at?.stop();
            await service.audit();
            await service.stop();
        }
        await node?.stop();
        await anvil?.stop();
    });

    const attest = (service, id, options = {}) =>
        service.post(`/session/${id}/attest`, undefined, { headers: { 'X-Service-Token': serviceToken }, ...options });
    let bookings = 7000;
    const newIds = (count) => Array.from({ length: count }, () => (bookings += 1));
    // Sessions that were completed a while ago, which these services know of; what their metrics are.
    async function due(ids, ...knowing) {
        const { start, end } = await escrow.book(ids, unixNow() - 25 * minute);
        const stays = [
            [escrow.host, 0],
            [escrow.guest, 100, 1100],
        ];
        await Promise.all(knowing.flatMap(({ at }) => ids.map((id) => at.place(id, start, stays))));
        return [start, end, start + 100, start + 1100, 1000];
    }

    it('for who has the token', async () => {
        const [id, unknown] = newIds(2);
        const [service] = services;
        await escrow.book([id], unixNow() - 25 * minute);
        for (const headers of [{}, { 'X-Service-Token': '' }, { 'X-Service-Token': `${serviceToken}x` }])
            expect(await attest(service, id, { headers }), 403, 'forbidden');
        expect(await attest(service, id, { headers: {}, token: clients[0].token }), 403, 'forbidden');
        expect(await attest(service, unknown), 404, 'booking not found');
        expect(await attest(service, 'x'), 400, 'invalid booking_id');
        assert.equal(await escrow.transactionCount(), 0);

        const metrics = await due([id], service);
        const first = ok(await attest(service, id));
        assert.deepEqual(Object.keys(first).sort(), ['outcome', 'status', 'tx_hash']);
        await escrow.checkAttested(id, 'completed', metrics, first.tx_hash);
        assert.deepEqual(ok(await attest(service, `00${id}`)), {
            outcome: 'completed',
            tx_hash: first.tx_hash,
            status: 'confirmed',
        });
        const { code, tally } = await attestingSweep(service);
        assert.deepEqual([code, tally.submitted, tally.failed], [0, 0, 0]);
        assert.equal(await escrow.transactionCount(), 1);
        // Nothing is left to be attested elsewhere.
        expect(await attest(services[1], id), 400, 'booking status is Attested, expected Booked');
    });

    it('once, whoever asks at once', async (t) => {
        const ids = newIds(20);
        const [service] = services;
        const before = await escrow.transactionCount();
        const metrics = await due(ids, service);
        const replies = [];
        const asking = Array.from({ length: 8 }, async (_, i) => {
            // Each in an order of its own.
            for (const id of [...ids.slice(i * 2), ...ids.slice(0, i * 2)])
                replies.push([id, await attest(service, id)]);
        });
        const sweeping = Array.from({ length: 8 }, () => attestingSweep(service));
        const sweeps = await Promise.all(sweeping);
        await Promise.all(asking);
        await sweepUntilSettled([service]);
        const refused = replies.filter(([, { status }]) => status !== 200);
        t.diagnostic(`${replies.length} requests, ${refused.length} of them told to come back; 8 sweeps`);
        for (const [, reply] of refused) expect(reply, 503, 'chain_unavailable');
        for (const { signal, tally } of sweeps) assert.deepEqual([signal, typeof tally], [null, 'object']);
        const nonces = [];
        for (const id of ids) {
            const { tx_hash, nonce, transactions } = await service.at.stored(id, 'confirmed');
            assert.equal(transactions.length, 1);
            nonces.push(nonce);
            await escrow.checkAttested(id, 'completed', metrics, tx_hash);
            for (const [, reply] of replies.filter(([asked, { status }]) => asked === id && status === 200))
                assert.deepEqual([reply.json.outcome, reply.json.tx_hash], ['completed', tx_hash]);
        }
        nonces.sort((a, b) => a - b);
        assert.deepEqual(
            nonces,
            ids.map((_, i) => before + i),
        );
        assert.equal(await escrow.transactionCount(), before + ids.length);
    });

    // Two copies that know nothing of each other but have the same key.
    async function together(t, idsOf) {
        const asking = services.flatMap((service, i) => [
            ...idsOf[i].map((id) => attest(service, id)),
            attestingSweep(service),
            attestingSweep(service),
        ]);
        await Promise.all(asking);
        // Where both said the same, the one whose nonce went to something else has to wait before it can know.
        const sweeps = await sweepUntilSettled(services, { lastInSeconds: 11 * minute });
        t.diagnostic(`${sweeps} more sweeps of both`);
        const stored = await Promise.all(
            services.map(({ at }, i) => Promise.all(idsOf[i].map((id) => at.tell('show', id)))),
        );
        const renewed = stored.flat().filter((attestation) => attestation?.transactions.length > 1).length;
        t.diagnostic(`${renewed} attestations got another nonce than their first`);
        await escrow.checkNothingWaits();
    }

    it('different sessions from two machines', async (t) => {
        const ids = newIds(20);
        const idsOf = [ids.slice(0, 10), ids.slice(10)];
        const metrics = [await due(idsOf[0], services[0]), await due(idsOf[1], services[1])];
        await together(t, idsOf);
        for (const [i, service] of services.entries()) {
            for (const id of idsOf[i]) {
                const { tx_hash } = await service.at.stored(id, 'confirmed');
                await escrow.checkAttested(id, 'completed', metrics[i], tx_hash);
            }
        }
    });

    it('the same sessions from two machines', async (t) => {
        const ids = newIds(20);
        const metrics = await due(ids, ...services);
        await together(t, [ids, ids]);
        for (const id of ids) await escrow.checkAttested(id, 'completed', metrics);
        const counts = {};
        for (const id of ids) {
            const stored = await Promise.all(services.map(({ at }) => at.tell('show', id)));
            const states = stored.map((attestation) => attestation?.state ?? 'nothing stored').sort();
            assert.equal(states[0], 'confirmed');
            counts[states.join(', ')] = (counts[states.join(', ')] ?? 0) + 1;
        }
        t.diagnostic(JSON.stringify(counts));
    });

    // The second starts when the first has read that nothing is attested, and is done before it reads on.
    for (const [question, isIt] of [
        ['the booking', isCallOf('getBooking(uint256)')],
        ['the gas', (call) => call.method === 'eth_estimateGas'],
    ]) {
        it(`the same to two who ask at once, one of them slow to read ${question}`, async (t) => {
            const [id] = newIds(1);
            const [service] = services;
            const metrics = await due([id], service);
            const count = await escrow.transactionCount();
            const held = hold(node, anvil, isIt);
            t.after(held.release);
            const slow = attest(service, id);
            await held.arrived;
            const quick = ok(await attest(service, id));
            await escrow.checkAttested(id, 'completed', metrics, quick.tx_hash);
            held.release();
            const { outcome, tx_hash } = ok(await slow);
            assert.deepEqual([outcome, tx_hash], [quick.outcome, quick.tx_hash]);
            assert.equal(await escrow.transactionCount(), count + 1);
        });
    }

    it('or says what the escrow said, and nothing more', async () => {
        // First the obstacle, then the session: the service's own sweep may be quick.
        const [id, other] = newIds(2);
        const [service] = services;
        const count = await escrow.transactionCount();
        await anvil.mined(await escrow.perform('setOracle', [zeroAddress]));
        await due([id], service);
        const refused = await attest(service, id);
        expect(refused, 502, 'attestation_failed');
        assert.equal(refused.json.reason, 'NOT_ORACLE');
        assert.equal((await attestingSweep(service)).code, 1);
        assert.equal(await service.at.tell('show', id), null);
        await anvil.mined(await escrow.perform('setOracle', [escrow.oracle]));
        const { tx_hash } = ok(await attest(service, id));

        node.answer = (request, response, call) =>
            call.method === 'eth_sendRawTransaction'
                ? json(response, {
                      jsonrpc: '2.0',
                      id: call.id,
                      error: { code: -32000, message: `no ${call.params[0]}` },
                  })
                : passTo(anvil.url)(request, response, call);
        const metrics = await due([other], service);
        const unsent = await attest(service, other);
        node.answer = passTo(anvil.url);
        expect(unsent, 502, 'attestation_failed');
        const { transactions } = await service.at.stored(other, 'submitted');
        await attestingSweep(service);
        await sweepUntilSettled([service]);
        await escrow.checkAttested(other, 'completed', metrics, transactions[0].tx_hash);
        assert.equal(await escrow.transactionCount(), count + 2);

        const { transactions: first } = await service.at.stored(id, 'confirmed');
        assert.equal(first[0].tx_hash, tx_hash);
        const said = [refused.text, unsent.text, service.logs(), service.at.log].join('\n');
        for (const secret of [
            `:${anvil.port}`,
            `:${node.port}`,
            escrow.oracleKey.slice(2),
            serviceToken,
            ...[...first, ...transactions].map(({ raw }) => raw.slice(2, 80)),
        ])
            assert.ok(!said.includes(secret), `${secret} is told`);
    });

    it('and seats people while the node hangs, as far as it is known who they are', async (t) => {
        const [known, unknown] = newIds(2);
        const [service] = services;
        await escrow.book([known, unknown], unixNow() - minute);
        const [host, guest, stranger] = clients;
        const join = (client, id) => client.post('/session/join', { booking_id: `${id}` });
        ok(await join(host, known));
        node.answer = hang;
        t.after(() => {
            node.answer = passTo(anvil.url);
            node.hangUp();
        });
        const replies = await Promise.all([
            join(guest, known),
            join(host, known),
            join(stranger, known),
            join(guest, unknown),
            attest(service, unknown),
        ]);
        ok(replies[0]);
        ok(replies[1]);
        expect(replies[2], 403, 'not a participant');
        expect(replies[3], 503, 'chain_unavailable');
        expect(replies[4], 503, 'chain_unavailable');
        const slowest = Math.max(...replies.map(({ ms }) => ms));
        t.diagnostic(`the slowest answer took ${slowest.toFixed(0)} ms`);
        assert.ok(slowest < 1500 + 2000, `${slowest} ms`);
        const left = await Promise.all([host, guest].map((client) => client.post(`/session/${known}/leave`)));
        for (const reply of left) assert.ok(ok(reply).ok && reply.ms < 1500);
    });
});

describe('oracles that work at the same time', { concurrency: 3 }, () => {
    // Two copies of the oracle with databases of their own (`isApart`) or with one, each with its own way to the node.
    async function twoOracles(t, isApart) {
        const anvil = await Anvil.start();
        const escrow = await Escrow.deploy(anvil);
        const nodes = await Promise.all([0, 1].map(() => FakeNode.start(passTo(anvil.url))));
        const machines = nodes.map(({ url }) => new Machine(escrow.settings({ RPC_URL: url })));
        const [a, b] = machines;
        if (!isApart) {
            await b.stop();
            machines[1] = { ...b, config: a.config, env: { ...a.env, RPC_URL: nodes[1].url }, at: a.at };
        }
        t.after(async () => {
            await a.stop();
            if (isApart) await b.stop();
            for (const node of nodes) await node.stop();
            await anvil.stop();
        });
        return { anvil, escrow, nodes, machines };
    }
    // Completed sessions, due now, that these copies know of.
    async function due(escrow, id, ...knowing) {
        const { start, end } = await escrow.book(id, unixNow() - 25 * minute);
        for (const { at } of knowing)
            await at.place(id, start, [
                [escrow.host, 0],
                [escrow.guest, 0],
            ]);
        return [start, end, start, end, 1200];
    }
    const isSend = (call) => call.method === 'eth_sendRawTransaction';

    for (const [question, isIt] of [
        ['the booking', isCallOf('getBooking(uint256)')],
        ['the gas', (call) => call.method === 'eth_estimateGas'],
        ['the nonce', (call) => call.method === 'eth_getTransactionCount'],
    ]) {
        it(`a sweep that is slow to read ${question} finds the work done`, async (t) => {
            const { anvil, escrow, nodes, machines } = await twoOracles(t, false);
            const metrics = await due(escrow, 1, machines[0]);
            const held = hold(nodes[0], anvil, isIt);
            const slow = attestingSweep(machines[0]);
            await held.arrived;
            assert.equal((await attestingSweep(machines[1])).code, 0);
            const { tx_hash } = await machines[0].at.tell('show', 1);
            await escrow.checkAttested(1, 'completed', metrics, tx_hash);
            held.release();
            const { code, stderr } = await slow;
            // At most that the call would fail by now, because it was made.
            assert.equal(code, 0);
            assert.match(stderr, /^(\S+ session-voice: the node answered eth_estimateGas .*NOT_BOOKED\n)?$/);
            await sweepUntilSettled([machines[0]]);
            assert.equal((await machines[0].at.stored(1, 'confirmed')).tx_hash, tx_hash);
            assert.equal(await escrow.transactionCount(), 1);
        });
    }

    it('two holders of the key sign for the same nonce', async (t) => {
        const { anvil, escrow, nodes, machines } = await twoOracles(t, true);
        const rounds = 10;
        for (let round = 0; round < rounds; round += 1) {
            const ids = [2 * round + 1, 2 * round + 2];
            const metrics = await Promise.all(machines.map((machine, i) => due(escrow, ids[i], machine)));
            const waits = round % 2 === 1;
            if (waits) await anvil.mineByHand();
            const held = nodes.map((node) => hold(node, anvil, isSend));
            const sweeps = machines.map((machine) => attestingSweep(machine));
            await Promise.all(held.map(({ arrived }) => arrived));
            for (const { release } of held) release();
            await Promise.all(sweeps);
            if (waits) await anvil.mineAll();
            await sweepUntilSettled(machines);
            const stored = await Promise.all(machines.map(({ at }, i) => at.stored(ids[i], 'confirmed')));
            assert.equal(stored[0].transactions[0].nonce, stored[1].transactions[0].nonce);
            assert.deepEqual(
                stored.map(({ nonce }) => nonce).sort((a, b) => a - b),
                [2 * round, 2 * round + 1],
            );
            for (const i of [0, 1]) await escrow.checkAttested(ids[i], 'completed', metrics[i], stored[i].tx_hash);
        }
        assert.equal(await escrow.transactionCount(), 2 * rounds);
        await escrow.checkNothingWaits();
    });

    it('the other one attests the same, and our nonce went to something else', async (t) => {
        const { anvil, escrow, nodes, machines } = await twoOracles(t, true);
        const [ours, theirs] = machines;
        const metrics = await due(escrow, 1, ours, theirs);
        const held = hold(nodes[0], anvil, isSend);
        const slow = attestingSweep(ours);
        await held.arrived;
        await due(escrow, 2, theirs);
        const now = unixNow();
        await theirs.at.must('attest', 2, now);
        const { tx_hash } = await theirs.at.must('attest', 1, now);
        await escrow.checkAttested(1, 'completed', metrics, tx_hash);
        held.release();
        await slow;
        // The receipt of ours may be late, for all that can be known. But not for ever.
        await ours.at.must('sweep', now + 5 * minute);
        await ours.at.stored(1, 'submitted');
        await ours.at.must('sweep', now + 11 * minute);
        assert.equal((await ours.at.stored(1, 'failed')).failure, 'somebody else attested the same');
        assert.equal(await escrow.transactionCount(), 2);
        await escrow.checkNothingWaits();
    });

    it('a node of which only a part has seen the block', async (t) => {
        const { anvil, escrow, nodes, machines } = await twoOracles(t, true);
        const [machine] = machines;
        const metrics = await due(escrow, 1, machine);
        // What the part behind says of the booking and the gas is what it said at first.
        const before = new Map();
        const isOld = (call) => call.method === 'eth_estimateGas' || call.method === 'eth_call';
        const key = ({ method, params }) => JSON.stringify([method, params]);
        nodes[0].answer = async (request, response, call) => {
            const known = before.get(key(call));
            const fresh = known ?? (await ask(anvil.url, call));
            if (isOld(call)) before.set(key(call), fresh);
            const result = call.method === 'eth_getTransactionReceipt' ? { result: null } : {};
            json(response, { ...fresh, id: call.id, ...result });
        };
        await attestingSweep(machine);
        const [{ tx_hash }] = (await machine.at.tell('show', 1)).transactions;
        await escrow.checkAttested(1, 'completed', metrics, tx_hash);
        for (let sweeps = 0; sweeps < 3; sweeps += 1) await attestingSweep(machine);
        nodes[0].answer = passTo(anvil.url);
        await sweepUntilSettled([machine]);
        const stored = await machine.at.stored(1, 'confirmed');
        assert.equal(stored.tx_hash, tx_hash);
        assert.equal((await escrow.attestedEvents()).length, 1);
    });

    it('the fee rises between signing and sending', async (t) => {
        const { anvil, escrow, nodes, machines } = await twoOracles(t, true);
        const [machine] = machines;
        const metrics = await due(escrow, 1, machine);
        const held = hold(nodes[0], anvil, isSend);
        const sweep = attestingSweep(machine);
        await held.arrived;
        await anvil.request('anvil_setNextBlockBaseFeePerGas', `0x${(10n ** 11n).toString(16)}`);
        held.release();
        const { code, stderr } = await sweep;
        assert.equal(code, 0, stderr);
        await sweepUntilSettled([machine]);
        const { tx_hash, transactions } = await machine.at.stored(1, 'confirmed');
        assert.deepEqual(
            transactions.map(({ nonce }) => nonce),
            [0, 0],
        );
        await escrow.checkAttested(1, 'completed', metrics, tx_hash);
        assert.equal(await escrow.transactionCount(), 1);
    });
});

describe('whatever breaks while attesting', { concurrency: 3 }, () => {
    const rounds = 20;
    // What happens to a sweep at a call: answers it, or leaves the caller without an answer.
    const at = (method, then) => (call, fault) => (call.method === method ? then(call, fault) : undefined);
    const faults = {
        'killed before anything is stored, while the gas is asked for': at('eth_estimateGas', (call, { kill }) =>
            kill(),
        ),
        'killed before anything is stored, while the nonce is asked for': at('eth_getTransactionCount', (_, { kill }) =>
            kill(),
        ),
        'killed after storing, before sending': at('eth_sendRawTransaction', (call, { kill }) => kill()),
        'killed after sending, before the answer': at('eth_sendRawTransaction', async (call, { forward, kill }) => {
            assert.equal((await forward(call)).error, undefined);
            await kill();
        }),
        // libcurl itself sends once more where a connection that it had used before breaks.
        'the answer is lost': at('eth_sendRawTransaction', async (call, { forward, drop }) => {
            await forward(call);
            drop();
        }),
        'known already': at('eth_sendRawTransaction', async (call, { forward, answer }) => {
            assert.equal((await forward(call)).error, undefined);
            const second = await forward(call);
            assert.match(second.error.message, /already imported|nonce too low/);
            answer(second);
        }),
        'the receipt is late': at('eth_getTransactionReceipt', (call, { answer }) =>
            answer({ jsonrpc: '2.0', id: call.id, result: null }),
        ),
    };
    for (const [name, strike] of Object.entries(faults)) {
        it(name, async (t) => {
            const anvil = await Anvil.start();
            const node = await FakeNode.start(passTo(anvil.url));
            const escrow = await Escrow.deploy(anvil);
            const machine = new Machine(escrow.settings({ RPC_URL: node.url }));
            t.after(async () => {
                await machine.stop();
                await node.stop();
                await anvil.stop();
            });
            const sweepsEach = name === 'the receipt is late' ? 3 : 1;
            let struck = 0;
            let kills = 0;
            const sent = new Set();
            const surprises = [];

            // One run of the program that meets the fault.
            async function faultySweep() {
                let child;
                const end = new Promise((resolve) => {
                    const onStart = (started) => (child = started);
                    resolve(attestingSweep(machine, { onStart }));
                });
                node.answer = async (request, response, call) => {
                    const answered = strike(call, {
                        forward: (same) => ask(anvil.url, same),
                        answer: (body) => json(response, body),
                        drop: () => request.socket.destroy(),
                        kill: async () => {
                            kills += 1;
                            child.kill('SIGKILL');
                            await end;
                        },
                    });
                    if (call.method === 'eth_sendRawTransaction') sent.add(call.params[0]);
                    if (answered === undefined) passTo(anvil.url)(request, response, call);
                    else struck += 1;
                    await Promise.resolve(answered).catch((error) => surprises.push(error));
                };
                const killedBefore = kills;
                const { signal } = await end;
                assert.equal(signal, kills > killedBefore ? 'SIGKILL' : null);
                node.answer = (request, response, call) => {
                    if (call.method === 'eth_sendRawTransaction') sent.add(call.params[0]);
                    passTo(anvil.url)(request, response, call);
                };
            }

            const decided = [];
            for (let round = 0; round < rounds; round += 1) {
                const id = round + 1;
                const { start, end } = await escrow.book(id, unixNow() - 25 * minute, { graceMins: 10 });
                const { host, guest } = escrow;
                const [outcome, parties, metrics] = [
                    ['completed', [host, guest], [start, end, start, end, 1200]],
                    ['no-show-host', [guest], [0, 0, start, end, 0]],
                    ['no-show-guest', [host], [start, end, 0, 0, 0]],
                ][round % 3];
                await machine.at.place(
                    id,
                    start,
                    parties.map((wallet) => [wallet, 0]),
                );

                // Every other transaction stays in the pool while things go wrong.
                const waits = round % 2 === 1;
                if (waits) await anvil.mineByHand();
                const struckBefore = struck;
                for (let i = 0; i < sweepsEach; i += 1) await faultySweep();
                assert.ok(struck > struckBefore, 'the fault has struck');
                assert.deepEqual(surprises, []);
                if ((await machine.at.tell('show', id)) === null) await attestingSweep(machine);
                // Who comes or goes after the decision does not matter any more.
                for (const wallet of [host, guest]) await machine.at.tell('join', id, wallet, start + 700);
                for (const wallet of [host, guest]) await machine.at.must('leave', id, wallet, start + 710);
                if (waits) {
                    await attestingSweep(machine);
                    await anvil.mineAll();
                }
                await sweepUntilSettled([machine]);
                const stored = await machine.at.stored(id, 'confirmed');
                assert.deepEqual([stored.outcome, stored.metrics_hash], [outcome, metricsHash(id, metrics)]);
                assert.deepEqual([stored.nonce, stored.transactions.length], [round, 1]);
                await escrow.checkAttested(id, outcome, metrics, stored.tx_hash);
                decided.push(stored.transactions[0].raw);
            }
            assert.equal((await escrow.attestedEvents()).length, rounds);
            assert.equal(await escrow.transactionCount(), rounds);
            await escrow.checkNothingWaits();
            assert.deepEqual([...sent].sort(), decided.sort()); // no bytes but those that were stored
            t.diagnostic(`${rounds} rounds, struck ${struck} times, ${kills} killed`);
        });
    }
});
