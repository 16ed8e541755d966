// How others are served while somebody attacks: attackers are processes of their own, others ask at a human pace.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sleep } from '../service.mjs';

// Another address of the loopback interface than that of everybody else.
export const attackersAddress = '127.0.0.2';
// Below this, who waits is not to be told from noise.
export const floorMs = 10;

const running = new Set();
process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
});

// Runs attack/NAME.mjs beside us, once it has `begun`; `stop()` gives back what it counted.
export class Attacker {
    constructor(name, port, args, input = '') {
        const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
        const stdio = ['pipe', 'pipe', 'inherit'];
        // An attacker works on a machine of its own, so here it gets what the others leave.
        const command = ['-n', '19', process.execPath, script, port, attackersAddress, ...args].map(String);
        this.child = spawn('nice', command, { stdio });
        running.add(this.child);
        this.output = '';
        this.end = new Promise((resolve) => this.child.on('close', resolve));
        // An empty line says that it is at work.
        this.begun = new Promise((resolve) => {
            this.child.stdout.setEncoding('utf8').on('data', (text) => {
                this.output += text;
                resolve();
            });
        });
        this.child.stdin.end(input);
    }

    async stop() {
        assert.equal(this.child.exitCode, null, 'the attacker gave up');
        this.child.kill('SIGTERM');
        await this.end;
        running.delete(this.child);
        return JSON.parse(this.output);
    }
}

// Asks `perSecond` times a second, whether or not the answers keep up; the milliseconds that each took, sorted.
export async function latencies(ask, { perSecond = 50, seconds }) {
    const begun = performance.now();
    const asked = Array.from({ length: perSecond * seconds }, async (_, number) => {
        await sleep((number * 1000) / perSecond);
        const sent = performance.now();
        await ask(number);
        return performance.now() - sent;
    });
    const took = await Promise.all(asked);
    assert.ok(performance.now() - begun < seconds * 1000 + 60_000);
    return took.sort((a, b) => a - b);
}

export const p99 = (sorted) => sorted[Math.ceil(sorted.length * 0.99) - 1];
