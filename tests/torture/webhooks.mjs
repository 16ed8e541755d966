// Events are written while two notifiers deliver them, and kill -9 takes the notifiers and the receiver at random: every
// event is told, in the order of its stream, and a repeat comes before what follows it.
// usage: webhooks.mjs ROUNDS EVENTS SEED   (SESSION_VOICE_BUILD names the programs; WEBHOOKS_KILLS, 3 a round;
// WEBHOOKS_AT_ONCE, 4 rounds; DATABASE_URL for PostgreSQL, one round after the other)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const streams = 50;

if (process.argv[2] === 'receive') {
    const [, , , port, log] = process.argv;
    http.createServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => (body += chunk));
        request.on('end', () => {
            const { stream, number } = JSON.parse(body).data;
            appendFileSync(log, `${request.headers['webhook-id']} ${stream} ${number}\n`);
            response.writeHead(204).end();
        });
    }).listen(Number(port), '127.0.0.1');
} else {
    const { Outbox, secret } = await import('../e2e/outbox.mjs');
    const { build, environment, freePort } = await import('../e2e/service.mjs');
    const rounds = Number(process.argv[2] ?? 20);
    const events = Number(process.argv[3] ?? 5000);
    let state = Number(process.argv[4] ?? 1) >>> 0;
    const kills = Number(process.env.WEBHOOKS_KILLS ?? 3);
    const url = process.env.DATABASE_URL;
    const atOnce = url ? 1 : Number(process.env.WEBHOOKS_AT_ONCE ?? 4);
    const roll = (sides) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * sides);
    };

    // A process that is started again whenever it ends.
    class Lasting {
        constructor(start) {
            this.start = start;
            this.again();
        }
        again() {
            this.child = this.start();
            this.child.on('exit', () => this.isOver || this.again());
        }
        kill() {
            this.child.kill('SIGKILL');
        }
        async stop() {
            this.isOver = true;
            const ended = new Promise((resolve) => this.child.on('exit', resolve));
            this.kill();
            await ended;
        }
    }

    async function round() {
        const port = await freePort();
        const settings = { WEBHOOK_URL: `http://127.0.0.1:${port}/`, WEBHOOK_SECRET: secret };
        if (url) settings.DATABASE_URL = url;
        const outbox = new Outbox(settings);
        const log = path.join(outbox.folder, 'received');
        const receiver = new Lasting(() => spawn(process.execPath, [fileURLToPath(import.meta.url), 'receive', String(port), log]));
        const notify = () =>
            spawn(path.join(build, 'session-voice-notify'), ['--config', outbox.config, '--every', '1', '--for', '600'], {
                env: environment(),
                stdio: ['ignore', 'ignore', 'inherit'],
            });
        const notifiers = [new Lasting(notify), new Lasting(notify)];
        const begun = performance.now();
        const victims = [receiver, ...notifiers];
        const killing = (async () => {
            for (let i = 0; i < kills; i += 1) {
                await sleep(100 + roll(700));
                victims[roll(victims.length)].kill();
            }
        })();
        const parts = 5;
        for (let part = 0; part < parts; part += 1) {
            const from = Math.floor((events * part) / parts);
            const to = Math.floor((events * (part + 1)) / parts);
            const message = (number) => ({ stream: `room ${number % streams}`, data: { stream: number % streams, number } });
            await outbox.write(Array.from({ length: to - from }, (_, i) => message(from + i)));
        }
        await killing;
        const waiting = async () => (await outbox.list()).destinations[0].waiting;
        const deadline = performance.now() + 180_000;
        while ((await waiting()) > 0 && performance.now() < deadline) {
            await outbox.admin('webhooks', 'retry', '--all'); // or the schedule would make hours of it
            await sleep(1000);
        }
        for (const each of [...notifiers, receiver]) await each.stop();
        const tally = judge(existsSync(log) ? readFileSync(log, 'utf8') : '');
        rmSync(outbox.folder, { recursive: true });
        return { ...tally, seconds: (performance.now() - begun) / 1000 };
    }

    function judge(text) {
        const last = new Map();
        const ids = new Map();
        const seen = new Set();
        let disordered = 0;
        let repeated = 0;
        for (const line of text.trimEnd().split('\n')) {
            const [id, stream, number] = line.split(' ');
            if (Number(number) < (last.get(stream) ?? -1)) disordered += 1;
            last.set(stream, Number(number));
            if (seen.has(number)) {
                repeated += 1;
                assert.equal(ids.get(number), id, 'a repeat has the same id');
            }
            seen.add(number);
            ids.set(number, id);
        }
        return { told: seen.size, lost: events - seen.size, repeated, disordered };
    }

    const sum = { told: 0, lost: 0, repeated: 0, disordered: 0 };
    let left = rounds;
    const begun = performance.now();
    const work = async () => {
        while (left > 0) {
            left -= 1;
            const tally = await round();
            console.log(JSON.stringify(tally));
            for (const name of Object.keys(sum)) sum[name] += tally[name];
        }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const share = ((100 * sum.repeated) / sum.told).toFixed(3);
    const isGood = sum.lost === 0 && sum.disordered === 0 && (kills > 0 || sum.repeated === 0);
    console.log(
        `webhooks: ${sum.told} told in ${rounds} rounds with ${rounds * kills} kills, ${sum.lost} lost, ${sum.disordered} out of order, ` +
            `${sum.repeated} repeated (${share} %), ${((performance.now() - begun) / 1000).toFixed(0)} s: ${isGood ? 'ok' : 'FAILED'}`,
    );
    process.exit(isGood ? 0 : 1);
}
