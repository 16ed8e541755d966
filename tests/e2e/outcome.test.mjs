// Every combination of who came, how much overlap the slot asks for and how much grace it gives, at the edges of the
// windows, by the endpoint's way and by the sweep, against the contract on a real node.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Anvil } from './node.mjs';
import { Escrow, Machine, metricsHash } from './oracle.mjs';

const slotMinutes = 3;
const slot = slotMinutes * 60;
const late = 2 * 3600; // the escrow's, for completed sessions

// [joined, left) in seconds of the start; without `left` they stay.
const presences = {
    nobody: {},
    host: { host: [0] },
    guest: { guest: [0] },
    'both apart': { host: [0, 20], guest: [30, 50] },
    'both together': { host: [0], guest: [0] },
};

// By the table of the contract alone.
function expected(presence, terms, t) {
    const span = (party) => {
        if (!presence[party]) return undefined;
        const [from, to = Infinity] = presence[party];
        const until = Math.min(to, t, slot);
        return until > from ? [from, until] : undefined;
    };
    const [host, guest] = [span('host'), span('guest')];
    const overlap = host && guest ? Math.max(0, Math.min(host[1], guest[1]) - Math.max(host[0], guest[0])) : 0;
    const needed = terms.minOverlapMins * 60;
    const both = host !== undefined && guest !== undefined;
    let outcome = 'no-show-guest';
    if (both && overlap >= needed) outcome = 'completed';
    else if (!host || (both && host[1] < guest[1] && host[1] < slot)) outcome = 'no-show-host';

    const grace = terms.graceMins * 60;
    const [opens, closes] = outcome === 'completed' ? [needed, slot + late] : [grace, grace + slot];
    const errors =
        outcome === 'completed' ? ['overlap_not_met', 'completed_too_late'] : ['grace_not_over', 'no_show_too_late'];
    if (t < opens) return { error: errors[0], outcome };
    if (t > closes) return { error: errors[1], outcome };
    // Overlap that is missing, or a second to come in, still fits before the end.
    const missing = Math.max(needed - overlap, both ? 0 : 1);
    if (outcome !== 'completed' && t + missing <= slot) return { error: 'session still in progress', outcome };
    const metrics = (start) => [
        ...[host, guest].flatMap((party) => (party ? [start + party[0], start + party[1]] : [0, 0])),
        overlap,
    ];
    return { outcome, metrics };
}

it('an absent party is never paid', { timeout: 300_000 }, async (t) => {
    const anvil = await Anvil.start('--timestamp', '1900000000');
    const escrow = await Escrow.deploy(anvil);
    const machine = new Machine(escrow.settings());
    t.after(async () => {
        await machine.stop();
        await anvil.stop();
    });
    const { at } = machine;
    const counts = { combinations: 0, tried: 0, attested: {}, refused: {} };
    const count = (kind, name) => (counts[kind][name] = (counts[kind][name] ?? 0) + 1);

    // All combinations have the same start, so that the node's time passes once over all of them.
    const start = 1900010000;
    const tries = [];
    let bookings = 0;
    for (const [name, presence] of Object.entries(presences)) {
        for (const minOverlapMins of [0, 1, slotMinutes]) {
            for (const graceMins of [0, 5, slotMinutes]) {
                counts.combinations += 1;
                // Around both ends of the window of what it comes to, and of the slot.
                const { outcome } = expected(presence, { minOverlapMins, graceMins }, slot);
                const [opens, closes] =
                    outcome === 'completed' ? [minOverlapMins * 60, slot + late] : [graceMins * 60, graceMins * 60 + slot];
                const edges = [opens - 1, opens, slot - 1, slot, closes, closes + 1];
                const seconds = new Set(edges.filter((each) => each >= 0));
                for (const second of seconds) {
                    for (const way of ['endpoint', 'sweep'])
                        tries.push({ name, presence, terms: { minutes: slotMinutes, minOverlapMins, graceMins }, second, way });
                }
            }
        }
    }
    const byTerms = new Map();
    for (const each of tries) {
        const terms = JSON.stringify(each.terms);
        byTerms.set(terms, [...(byTerms.get(terms) ?? []), each]);
    }
    for (const group of byTerms.values()) {
        for (const each of group) each.id = bookings += 1;
        await escrow.book(group.map(({ id }) => id), start, group[0].terms);
    }
    // A copy for each second of the sweep: it looks at everything that it knows of.
    for (const second of [...new Set(tries.map((each) => each.second))].sort((a, b) => a - b)) {
        const now = tries.filter((each) => each.second === second);
        await anvil.setTime(start + second);
        const sweeper = new Machine(escrow.settings());
        for (const { id, presence, way } of now) {
            const copy = way === 'sweep' ? sweeper : machine;
            const stays = Object.entries(presence)
                .map(([party, times]) => [escrow[party], ...times.filter((time) => time <= second)])
                .filter(([, joined]) => joined !== undefined);
            await copy.at.place(id, start, stays);
        }
        await sweeper.at.must('sweep', start + second);
        for (const { id, name, presence, terms, way } of now) {
            const right = expected(presence, terms, second);
            const title = `${name}, ${JSON.stringify(terms)}, at ${second} by ${way}`;
            counts.tried += 1;
            const said = way === 'sweep' ? await sweeper.at.tell('show', id) : await at.tell('attest', id, start + second);
            if (right.error !== undefined || (way === 'sweep' && name === 'nobody')) {
                // A session that nobody joined is unknown to the sweep.
                if (way === 'endpoint') assert.equal(said.error, right.error, title);
                else assert.equal(said, null, title);
                assert.deepEqual(await escrow.refusal(id, right.outcome) === undefined, right.error === undefined || right.error === 'session still in progress', title);
                count('refused', way === 'sweep' ? 'by the sweep' : right.error);
                continue;
            }
            assert.equal(said?.outcome, right.outcome, title);
            assert.equal(said.metrics_hash, metricsHash(id, right.metrics(start)), title);
            await anvil.mined(said.tx_hash);
            count('attested', right.outcome);
        }
        await sweeper.stop();
    }
    const events = await escrow.attestedEvents();
    assert.equal(events.length, Object.values(counts.attested).reduce((a, b) => a + b, 0));
    for (const { id, outcome } of events) {
        const { name, presence } = tries.find((each) => BigInt(each.id) === id);
        if (outcome === 'completed') assert.ok(presence.host && presence.guest, name);
    }
    t.diagnostic(JSON.stringify(counts));
});
