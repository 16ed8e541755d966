// A thousand hours in bad networks: the client alone, against a model of the service, in a world whose time is made up.
// life.mjs says what is judged. The hours are the same each time;
// NETWORKS_SEED makes up others, NETWORKS_HOURS more or fewer.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';

const seed = Number(process.env.NETWORKS_SEED ?? 1);
const hours = Number(process.env.NETWORKS_HOURS ?? 1000);
const hoursOfALife = 10;
const resourceLimits = { maxYoungGenerationSizeMb: 64 }; // nearly everything is garbage at once
const endings = ['left', 'removed', 'room_gone', 'credits_exhausted', 'signed_out', 'gave_up'];

console.error(`NETWORKS_SEED=${seed}`);

// In a thread of its own, where the test runner does not watch every promise.
function liveThrough(lives) {
    const program = new URL('lives.mjs', import.meta.url);
    return new Promise((resolve, reject) => {
        const worker = new Worker(program, { workerData: { seed, lives, hoursOfALife }, resourceLimits });
        worker.on('message', resolve).on('error', reject);
    });
}

it(`${hours} hours of bad networks`, async (t) => {
    const begun = process.cpuUsage();
    const totals = await liveThrough(hours / hoursOfALife);
    const { user, system } = process.cpuUsage(begun);
    t.diagnostic(`NETWORKS_SEED=${seed} ${JSON.stringify(totals)}`);
    t.diagnostic(`${((user + system) / 1e6).toFixed(1)} s of CPU`);
    assert.ok(totals.charged <= totals.believed + totals.unaware + totals.leaving);
    assert.ok(totals.losses > hours / 10 && totals.backs > hours / 20, 'there was something to survive');
    const missing = endings.filter((reason) => totals[`ended ${reason}`] === undefined);
    if (hours >= 1000) assert.deepEqual(missing, [], 'stays ended in every way');
});
