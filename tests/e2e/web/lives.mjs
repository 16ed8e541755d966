// One life after another, in a thread. The totals go back as a message.
import { parentPort, workerData } from 'node:worker_threads';
import { Life } from './life.mjs';

Error.stackTraceLimit = 4; // most of the time would go into traces that nobody reads
const { seed, lives, hoursOfALife } = workerData;
const totals = {};
for (let life = 0; life < lives; life += 1) {
    const counts = await new Life(seed + life).live(hoursOfALife);
    for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value;
}
parentPort.postMessage(totals);
