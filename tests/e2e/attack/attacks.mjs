// What an attacker tries, and what must hold. Each is { name, run(deployment, size), settings }, where `run` throws if it
// did not hold and else gives back a line of figures. `size` is `short` or `long`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { operations } from '../contract.mjs';
import { FakeNode, answerName, encodedNoName, json } from '../node.mjs';
import { Deployment } from '../servers.mjs';
import { build, exchangeBytes, expect, ok, root, sleep, sqlite, until } from '../service.mjs';
import { Attacker, latencies, p99 } from './load.mjs';

// Two cores that build something else as well make any answer late now and then, so in short only what stands still is
// told from what does not.
export const short = { seconds: 3, floorMs: 5000 };
export const long = { seconds: 5, floorMs: 10 };

// As in production; but everybody except the attackers has one address, and signs in more often than a person would.
const address = `0x${'c0'.repeat(20)}`;
const settings = { RATE_LIMIT_SIGN_IN_PER_MINUTE: '0', REGISTRY_ADDRESS: address, VERIFICATION_MIRROR_ADDRESS: address };

// Limits the addresses that reach the deployment as deploy/nftables.conf does, in a network of our own.
function raiseFirewall({ port }) {
    const rules = readFileSync(path.join(root, 'deploy/nftables.conf'), 'utf8');
    execFileSync('nft', ['-f', '-'], { input: rules.replaceAll('{ 80, 443 }', String(port)) });
}

// One attack on a deployment of its own; gives back its line.
export async function attempt(host, variant, attack, size, { firewall = false } = {}) {
    const node = await FakeNode.start(answerName);
    const chain = { RPC_URL: `${node.url}/` };
    const deployment = new Deployment(host, variant, { ...settings, ...chain, ...attack.settings });
    try {
        await deployment.start();
        if (firewall) raiseFirewall(deployment);
        const line = await attack.run(deployment, size, node);
        await deployment.audit();
        return line;
    } finally {
        await deployment.stop();
        await node.stop();
    }
}

const settleMs = 3000;
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
        await Promise.race([attackers.begun, attackers.end]);
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
    const bodies = {
        'POST /auth/nonce': { wallet },
        'POST /auth/verify': { wallet, nonce, signature },
        'POST /rooms/join': { room_id },
        'POST /rooms/heartbeat': seat,
        'POST /rooms/token/renew': seat,
        'POST /rooms/leave': { connection_id },
        'POST /session/join': { session_id: '1' },
        'POST /service/credits/grant': { wallet, seconds: 60, reference: 'p' },
        'POST /service/credits/refund': { ...seat, seconds: 60, reference: 'r' },
        'PUT /service/wallets/{wallet}/ban': { reason: 'spam' },
        'POST /agora/events': { eventType: 104, payload: {} },
    };
    const ids = { room_id, connection_id, wallet, booking_id: '1', file: 'client.js' };
    // The wallet needs its room to the end.
    const spared = ['DELETE /rooms/{room_id}'];
    return operations
        .map(([at, method]) => [at, `${method.toUpperCase()} ${at}`])
        .filter(([, name]) => !spared.includes(name))
        .map(([at, name]) => {
            const path = at.replaceAll(/\{(\w+)\}/g, (_, id) => ids[id]);
            const query = at === '/service/usage' ? '?from=2026-01-01&to=2026-12-31' : '';
            const body = bodies[name] ?? (name.startsWith('POST ') ? {} : undefined);
            return [name, bytes(name.split(' ')[0], path + query, body)];
        });
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
        const others = ['session-voice-meter', 'session-voice-attest', 'session-voice-notify', 'session-voice-admin'];
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

const nobody = '11111111-1111-4111-8111-111111111111';

const keyedFlood = {
    name: 'a new Idempotency-Key with every request',
    async run(deployment, size) {
        const client = await deployment.signedIn();
        const count = size === long ? 2000 : 100;
        const statuses = {};
        const begun = performance.now();
        // A slow machine asks little faster than it is allowed to.
        for (let number = 0; number < count || (!statuses[429] && number < 10 * count); number += 1) {
            const headers = { 'Idempotency-Key': `key-of-an-attacker-${number}` };
            const { status } = await client.post('/rooms/leave', { room_id: nobody, connection_id: nobody }, { headers });
            statuses[status] = (statuses[status] ?? 0) + 1;
        }
        const line = JSON.stringify(statuses);
        const most = 61 + (performance.now() - begun) / 1000; // 60 a minute, and at first 60 at once
        assert.ok(statuses[429] > 0 && statuses[403] <= most, `${line}, at most ${most}`);
        const rows = await sqlite(deployment.settings.DATABASE_PATH, 'SELECT count(*) FROM idempotent_requests');
        assert.equal(String(rows).trim(), '0');
        return `${line}, no row`;
    },
};

const bannedSignsIn = {
    name: 'a banned wallet keeps its booked sessions, and gets no free room',
    async run(deployment) {
        const client = await deployment.signedIn();
        const banned = await deployment.admin('ban', client.wallet, '--reason', 'spam');
        assert.equal(banned.code, 0, banned.stderr);
        await client.signIn();
        expect(await client.create(), 403, 'banned');
        return 'signed in, and refused a room';
    },
};

const banRace = {
    name: 'a ban comes while the chain is asked',
    async run(deployment, _, node) {
        const [host, guest] = await deployment.signedInMany(2);
        const room_id = await host.host();
        let answer;
        node.answer = (...exchange) => (answer = () => answerName(...exchange));
        const joining = guest.join(room_id);
        await until(() => answer !== undefined, 'the chain is asked');
        const banned = await deployment.admin('ban', guest.wallet, '--reason', 'spam');
        assert.equal(banned.code, 0, banned.stderr);
        answer();
        expect(await joining, 403, 'banned');
        return 'refused';
    },
};

// The other defences off: each has an address of its own, and each asks the node anew.
const nameless = {
    name: '360 wallets without a name, a join a second each',
    settings: {
        CHAIN_NO_TTL_SECONDS: '0',
        RATE_LIMIT_CHAIN_PER_MINUTE: '0',
        RATE_LIMIT_CHAIN_PER_ADDRESS_PER_MINUTE: '0',
        RATE_LIMIT_JOIN_PER_HOUR: '0',
    },
    async run(deployment, size, node) {
        const client = await deployment.signedIn();
        ok(await client.create());
        const ask = async () => expect(await client.join(nobody), 404, 'room_not_found');
        const attackers = await deployment.signedInMany(size === long ? 360 : 60);
        const sayNo = (request, response, call) =>
            setTimeout(() => json(response, { jsonrpc: '2.0', id: call.id, result: encodedNoName }), 100);
        node.answer = sayNo;
        await latencies(ask, { seconds: 1 });
        const without = await latencies(ask, size);
        const statuses = {};
        let over = false;
        const attacking = attackers.map(async (attacker, number) => {
            const localAddress = `127.0.1.${1 + (number % 250)}`;
            await sleep((1000 * number) / attackers.length);
            while (!over) {
                const { status } = await attacker.join(nobody, { localAddress });
                statuses[status] = (statuses[status] ?? 0) + 1;
                await sleep(1000);
            }
        });
        await sleep(1500);
        const beside = await latencies(ask, size);
        over = true;
        await Promise.all(attacking);
        const line = `${figures([without, beside])} ${JSON.stringify(statuses)}`;
        assert.ok(p99(beside) <= 2 * Math.max(p99(without), size.floorMs), line);
        return line;
    },
};

const emptyRooms = {
    name: '50 wallets with an empty room each, before a room with people',
    async run(deployment) {
        const [host, ...attackers] = await deployment.signedInMany(51);
        const room_id = await host.host();
        for (const attacker of attackers) ok(await attacker.create());
        const { rooms } = ok(await deployment.get('/rooms/active'));
        assert.deepEqual([rooms.length, rooms[0].room_id], [50, room_id]);
        return 'the room with people comes first';
    },
};

const guessedToken = {
    name: 'a service token is guessed',
    settings: { ORACLE_SERVICE_TOKEN: 'a service token that nobody will guess' },
    async run(deployment) {
        const statuses = {};
        for (let number = 0; number < 130; number += 1) {
            const headers = { 'X-Service-Token': `guess ${number}` };
            const { status } = await deployment.post('/session/1/attest', undefined, { headers });
            statuses[status] = (statuses[status] ?? 0) + 1;
        }
        assert.ok(statuses[403] >= 120 && statuses[403] < 130 && statuses[429] > 0, JSON.stringify(statuses));
        return JSON.stringify(statuses);
    },
};

const logs = {
    name: 'private ids and control bytes in paths reach no log of the program',
    async run(deployment) {
        const client = await deployment.signedIn();
        const room_id = await client.host();
        ok(await client.get(`/rooms/${room_id}`));
        await raw(deployment, `${deployment.mount ?? ''}/rooms/${room_id}/%1b%5b31m%0aforged`);
        const ours = () =>
            ((deployment.output ?? '') + deployment.logs())
                .split('\n')
                .filter((line) => /session-voice: |\broute\b/.test(line));
        await until(() => ours().some((line) => line.includes('/rooms/:room_id')), 'the log says so');
        for (const line of ours()) assert.doesNotMatch(line, new RegExp(`${room_id}|\u001b|forged`));
        return `${ours().length} lines`;
    },
};

// For a web server with workers, and for one that starts a process a request.
export const onWorkers = [
    slowClients,
    crowd,
    keyedFlood,
    bannedSignsIn,
    banRace,
    nameless,
    emptyRooms,
    guessedToken,
    logs,
];
export const onCgi = [queryAsArguments, bannedSignsIn, banRace, keyedFlood, logs];
