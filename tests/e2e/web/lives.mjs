// One life after another, in a thread. The totals go back as a message.
import { parentPort, workerData } from 'node:worker_threads';
import { Life } from './life.mjs';

// What Node spends most of its time on here: traces that nobody reads, and signals that could do much more.
Error.stackTraceLimit = 0;
globalThis.AbortController = class {
    signal = { addEventListener: (type, callback) => (this.callback = callback) };

    abort() {
        this.callback?.();
    }
};

const { seed, lives, hoursOfALife } = workerData;
const totals = {};
for (let life = 0; life < lives; life += 1) {
    const counts = await new Life(seed + life).live(hoursOfALife);
    for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value;
}
parentPort.postMessage(totals);
