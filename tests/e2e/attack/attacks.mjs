// What an attacker tries, and what must hold. Each is { name, run(deployment, size) }, where `run` throws if it did not
// hold and else gives back a line of figures. `size` is `short` or `long`.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, exchangeBytes, ok, sleep } from '../service.mjs';
import { Attacker, latencies, p99 } from './load.mjs';

// Two cores that build something else as well make any answer late now and then, so in short only what stands still is
// told from what does not.
export const short = { seconds: 3, floorMs: 500 };
export const long = { seconds: 10, floorMs: 10 };

// Everybody but the attackers has one address, and signs in more often than a person would.
export const settings = { ENVIRONMENT: 'development', CHAIN_MODE: 'mock', RATE_LIMIT_SIGN_IN_PER_MINUTE: '0' };

const settleMs = 5000;
const figures = (list) => `p99 ${list.map((each) => `${p99(each).toFixed(1)} ms`).join(' -> ')}`;

// Somebody else, at a human pace, without and with the attackers.
async function servesOthers(deployment, size, startAttackers) {
    const client = await deployment.signedIn();
    await client.host();
    const ask = async (number) => ok(await (number % 5 === 0 ? client.renew() : client.heartbeat()));
    await latencies(ask, { seconds: 1 });
    const without = await latencies(ask, size);
    const attackers = startAttackers();
    let beside;
    let told;
    try {
        await sleep(settleMs);
        beside = await latencies(ask, size);
    } finally {
        told = await attackers.stop();
    }
    await client.leave();
    const line = `${figures([without, beside])} ${JSON.stringify(told)}`;
    assert.ok(p99(beside) <= 2 * Math.max(p99(without), size.floorMs), line);
    return line;
}

const slowClients = {
    name: '3,000 connections of one address, half a request on each',
    run: (deployment, size) =>
        servesOthers(deployment, size, () => {
            const at = `${deployment.mount ?? ''}/rooms/heartbeat`;
            return new Attacker('slow', deployment.port, [3000, at]);
        }),
};

// The bytes of a request to each endpoint, of a wallet that is signed in and in a room.
async function everyEndpoint(deployment) {
    const client = await deployment.signedIn();
    const room_id = await client.host();
    const nonce = await client.nonce();
    const signature = await client.sign(nonce);
    const { wallet, seat } = client;
    const connection_id = '11111111-1111-4111-8111-111111111111';
    const bytes = (method, at, body) => {
        const text = body === undefined ? '' : JSON.stringify(body);
        const head = [
            `${method} ${deployment.mount ?? ''}${at} HTTP/1.1`,
            'Host: localhost',
            `Authorization: Bearer ${client.token}`,
            'Content-Type: application/json',
            `Content-Length: ${Buffer.byteLength(text)}`,
        ];
        return `${head.join('\r\n')}\r\n\r\n${text}`;
    };
    return [
        ['POST', '/auth/nonce', { wallet }],
        ['POST', '/auth/verify', { wallet, nonce, signature }],
        ['GET', '/credits'],
        ['GET', '/credits/history'],
        ['POST', '/credits/verify-celo', {}],
        ['POST', '/rooms/create', {}],
        ['POST', '/rooms/join', { room_id }],
        ['POST', '/rooms/heartbeat', seat],
        ['POST', '/rooms/token/renew', seat],
        ['POST', '/rooms/leave', { connection_id }],
        ['GET', '/rooms/active'],
        ['GET', `/rooms/${room_id}`],
        ['POST', '/session/join', { session_id: '1' }],
        ['POST', '/session/1/leave', {}],
        ['POST', '/session/1/attest', {}],
        ['GET', '/health'],
        ['GET', '/metrics'],
        ['GET', '/openapi.json'],
    ].map((request) => [request.slice(0, 2).join(' '), bytes(...request)]);
}

const crowd = {
    name: '256 connections of one wallet, each as fast as answers come',
    async run(deployment, size) {
        const endpoints = await everyEndpoint(deployment);
        const flood = (requests) => () => new Attacker('flood', deployment.port, [256], JSON.stringify(requests));
        const all = endpoints.map(([, bytes]) => bytes);
        if (size === short) return servesOthers(deployment, size, flood(all));
        const lines = [];
        for (const [name, bytes] of endpoints)
            lines.push(`${name}: ${await servesOthers(deployment, size, flood([bytes]))}`);
        return lines.join('\n    ');
    },
};

// ---- a query string that becomes the program's arguments ----

const options = ['-h', '--help', '--version', '--check', '--workers+2', '--with-parent'];
options.push('--config', '--config+/dev/zero');
const spellings = [
    (text) => text,
    (text) => text.replaceAll('-', '%2d'),
    (text) => text.replaceAll('-', '%2D').replaceAll('+', '%20'),
    (text) => text.replace('-', '%2d').replaceAll('+', '%09'),
    (text) => `${text}%00`,
    (text) => text.replace('+', '%00+'),
    (text) => `x+${text}`,
    (text) => `%5c${text}`,
];
const argumentMs = 10_000;

async function raw(deployment, at, { body = '', token = 'x' } = {}) {
    const head = [
        `GET ${at} HTTP/1.1`,
        'Host: localhost',
        'Connection: close',
        `Authorization: Bearer ${token}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    const begun = performance.now();
    const answer = await exchangeBytes(deployment.port, `${head.join('\r\n')}\r\n\r\n${body}`);
    assert.ok(performance.now() - begun < argumentMs, `${at} took too long`);
    assert.doesNotMatch(answer, /usage:|unrecognized option|unknown option|settings are complete|not expected/i, at);
    return Number(answer.match(/^HTTP\/1\.1 (\d{3}) /)?.[1]);
}

const queryAsArguments = {
    name: 'a query string as arguments of a CGI program',
    async run(deployment) {
        const token = 'an-attackers-token-of-more-than-thirty-two-bytes';
        const { DATABASE_PATH } = deployment.settings;
        const settings = `METRICS_TOKEN=${token}\nJWT_SECRET=${token}\nDATABASE_PATH=${DATABASE_PATH}\n`;
        const readable = path.join(deployment.folder, 'readable.env');
        writeFileSync(readable, settings);
        chmodSync(readable, 0o644);
        const all = [...options, '--config+/dev/stdin', `--config+${readable}`, `--config%3d${readable}`];
        const queries = all.flatMap((option) => spellings.map((spell) => spell(option)));
        const metrics = `${deployment.mount}/metrics`;
        const without = await raw(deployment, metrics, { token });
        assert.equal(without, 404);
        for (const query of queries) {
            const status = await raw(deployment, `${metrics}?${query}`, { body: settings, token });
            assert.ok([without, 400, 403].includes(status), `${query}: ${status}`);
        }
        const others = ['session-voice-meter', 'session-voice-attest', 'session-voice-admin'];
        const cgiBin = path.join(deployment.host.home, 'cgi-bin');
        for (const program of others) {
            copyFileSync(path.join(build, program), path.join(cgiBin, program));
            deployment.host.give(path.join(cgiBin, program));
            for (const option of all)
                for (const query of ['', ...spellings.map((spell) => spell(option))]) {
                    const status = await raw(deployment, `/cgi-bin/${program}?${query}`, { body: settings });
                    assert.notEqual(status, 200, query);
                }
        }
        return `${queries.length * (1 + others.length)} requests`;
    },
};

// ---- what a wallet can do to others ----

const keyedFlood = {
    name: 'a new Idempotency-Key with every request',
    async run(deployment, size) {
        const client = await deployment.signedIn();
        const count = size === long ? 2000 : 300;
        const statuses = {};
        for (let number = 0; number < count; number += 1) {
            const headers = { 'Idempotency-Key': `key-of-an-attacker-${number}` };
            const connection_id = '11111111-1111-4111-8111-111111111111';
            const { status } = await client.post('/rooms/leave', { connection_id }, { headers });
            statuses[status] = (statuses[status] ?? 0) + 1;
        }
        assert.ok(statuses[429] > 0, JSON.stringify(statuses));
        return JSON.stringify(statuses);
    },
};

const bannedSignsIn = {
    name: 'a banned wallet keeps its booked sessions, and gets no free room',
    async run(deployment) {
        const client = await deployment.signedIn();
        const banned = await deployment.admin('ban', client.wallet, '--reason', 'spam');
        assert.equal(banned.code, 0, banned.stderr);
        await client.signIn();
        const { status, json } = await client.create();
        assert.deepEqual([status, json.error], [403, 'banned']);
        return 'signed in, and refused a room';
    },
};

const logs = {
    name: 'control bytes and private ids in paths reach no log of the program',
    async run(deployment) {
        const id = 'c0ffee00-0000-4000-8000-000000000000';
        const ours = () => (deployment.output ?? '') + (deployment.cgi ? '' : deployment.logs());
        await raw(deployment, `${deployment.mount ?? ''}/rooms/${id}/%1b%5b31m%0aforged`);
        const lines = ours().split('\n').filter((line) => / session-voice: /.test(line) || line.startsWith('{'));
        for (const line of lines) assert.doesNotMatch(line, new RegExp(`${id}|\u001b|^forged`));
        return `${lines.length} lines`;
    },
};

// For a web server with workers, and for one that starts a process a request.
export const onWorkers = [slowClients, crowd, keyedFlood, bannedSignsIn, logs];
export const onCgi = [queryAsArguments, bannedSignsIn, logs];
