// Clients that mean harm, through both web servers: every row of hostile/ gets the answer that stands there, no row changes
// a table that it is not entitled to, and no worker dies of it.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import * as http from './hostile/http.mjs';
import * as others from './hostile/others.mjs';
import { answersIn, bytesOf, say } from './hostile/wire.mjs';
import { World, bookingId } from './hostile/world.mjs';
import { assertDescribed } from './contract.mjs';
import { expect, ok, until } from './service.mjs';
import { Host } from './servers.mjs';
import { checkAnswer } from './secrets.mjs';

const { sqlAndLines, ...kinds } = { ...http, ...others };
const startMs = 60_000;

const spell = ({ status, json }) => (json?.error === undefined ? String(status) : `${status} ${json.error}`);
const lines = (answers) => (answers.length === 0 ? ['none'] : answers.map(spell));

// What a row has for this server, as a list of lists of answers, each of which will do.
function expectedOf(answered, server) {
    const here = answered?.[server] ?? answered;
    return [here].flat().flatMap((one) => (Array.isArray(one) ? [one] : one.split('|').map((each) => [each])));
}

function changesOf([, , , { changes = [] } = {}], server) {
    return [...(changes[server] ?? changes)].sort();
}

function bytesFor(world, sent) {
    if (sent.method === undefined) return sent;
    const headers = [...(sent.headers ?? [])];
    if (sent.as !== undefined) headers.push(['Authorization', `Bearer ${world[sent.as].token}`]);
    return bytesOf({ ...sent, headers });
}

// Sends what the row has, and says what is wrong with the answers.
async function complaintsAbout(world, server, [name, sent, answered, { then } = {}]) {
    const bytes = await say(world.service.port, bytesFor(world, sent), then);
    const answers = answersIn(bytes, sent.method === 'HEAD');
    const got = lines(answers).join();
    const expected = expectedOf(answered, server).map((one) => one.join());
    const complaints = [];
    if (!expected.includes(got)) complaints.push(`${got} instead of ${expected.join(' or ')}; ${bytes.slice(0, 100)}`);
    for (const answer of answers) {
        checkAnswer(name, answer);
        const isInjected = /set-cookie|x-injected/i.test(Object.keys(answer.headers)) || /hush/.test(answer.text);
        if (isInjected) complaints.push('injected');
    }
    // The program's own answers have an id; a web server may make a part of one.
    const [{ status, headers } = { headers: {} }] = answers;
    const isPrograms = answers.length === 1 && headers['x-request-id'] !== undefined && status !== 206;
    if (!isPrograms || !sent.path?.startsWith('/')) return complaints;
    try {
        assertDescribed(sent.method, sent.path, answers[0]);
    } catch (error) {
        complaints.push(error.message);
    }
    return complaints;
}

let machine;
before(() => (machine = new Host()));
after(() => machine.remove());

for (const server of ['lighttpd', 'nginx'])
    describe(`hostile clients of ${server}`, { concurrency: 1 }, () => {
        let world;
        let workers;
        const pids = () => world.service.processes().sort();
        before(
            async () => {
                world = await World.start(machine, server);
                workers = pids();
            },
            { timeout: startMs },
        );
        after(() => world.stop());

        for (const [kind, rowsOf] of Object.entries(kinds))
            it(kind, async (t) => {
                const rows = await rowsOf(world);
                const named = rows.map(([name]) => name);
                const twice = named.filter((name, at) => named.indexOf(name) !== at);
                assert.deepEqual(twice, [], 'names of two rows');
                const wrong = [];
                let before = await world.tables.digests();
                for (const row of rows) {
                    const complaints = await complaintsAbout(world, server, row);
                    const now = await world.tables.digests();
                    const changed = Object.keys(now).filter((table) => now[table] !== before[table]);
                    if (changed.sort().join() !== changesOf(row, server).join()) complaints.push(`changed ${changed}`);
                    before = now;
                    wrong.push(...complaints.map((complaint) => `${row[0]}: ${complaint}`));
                }
                t.diagnostic(`${rows.length} rows`);
                assert.deepEqual(wrong, []);
                assert.deepEqual(pids(), workers, 'the same processes as before');
            });

        it('titles are text, whatever stands in them', async () => {
            const client = await world.service.signedIn();
            for (const title of sqlAndLines.map((piece) => `x${piece}`)) {
                const reply = await client.create({ title });
                if (/[\r\n\u2028]/.test(title)) {
                    expect(reply, 400, 'invalid title');
                    continue;
                }
                const { room_id } = ok(reply);
                const room = ok(await world.service.get('/rooms/active')).rooms.find(
                    (each) => each.room_id === room_id,
                );
                assert.equal(room.title, title);
                ok(await client.service.delete(`/rooms/${room_id}`, { token: client.token }));
            }
        });

        it(
            '500 who send a byte now and then, or read none, leave the others served',
            { timeout: startMs },
            async () => {
                const head = (path, ...lines) =>
                    [`POST ${path} HTTP/1.1`, 'Host: localhost', ...lines, '', ''].join('\r\n');
                const bearer = `Authorization: Bearer ${world.stranger.token}`;
                const whole = '{"visibility":"open"}';
                const beginnings = [
                    'GET /rooms/active HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
                    head('/auth/nonce', 'Content-Length: 16000'),
                    head('/rooms/create', bearer, `Content-Length: ${whole.length + 1000}`) + whole,
                    head('/rooms/create', bearer, 'Transfer-Encoding: chunked') + `15\r\n${whole}\r\n3e8\r\n`,
                    'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20),
                ];
                const slow = Array.from({ length: 500 }, (_, at) => {
                    const beginning = beginnings[at % beginnings.length];
                    const from = { port: world.service.port, host: '127.0.0.1', localAddress: '127.0.0.2' };
                    const socket = net.connect(from, () => socket.write(beginning));
                    socket.on('error', () => {});
                    if (beginning.startsWith('GET /openapi')) socket.pause();
                    else socket.resume();
                    return socket;
                });
                await until(() => slow.every((socket) => !socket.connecting), 'all are connected', startMs);
                let dribbled = 0;
                const dribble = setInterval(() => {
                    dribbled += 1;
                    for (const socket of slow) if (!socket.destroyed) socket.write('x');
                }, 200);
                for (let round = 0; round < 5 || dribbled < 5; round += 1) {
                    const client = await world.service.signedIn();
                    await client.host();
                    for (let beat = 0; beat < 5; beat += 1) ok(await client.heartbeat());
                    ok(await client.renew());
                    ok(await world.service.get('/rooms/active'));
                    assert.equal(ok(await client.leave()).closed, true);
                }
                clearInterval(dribble);
                const open = slow.filter((socket) => !socket.destroyed).length;
                for (const socket of slow) socket.destroy();
                assert.ok(open >= 400, `${open} of 500 were still there`);
                ok(await world.service.get('/health'));
                const hosted = `SELECT count(*) FROM rooms WHERE host_wallet = '${world.stranger.wallet}' AND closed_at IS NULL`;
                assert.deepEqual(await world.tables.ask(hosted), [['0']]);
                assert.deepEqual(pids(), workers);
            },
        );

        it('everybody goes on where they were', async () => {
            for (const client of [world.host, world.member, world.loner]) ok(await client.heartbeat());
            assert.equal(ok(await world.member.leave()).closed, false);
            assert.equal(ok(await world.host.leave()).closed, true);
            assert.equal(ok(await world.loner.leave()).closed, true);
            ok(await world.guest.post(`/session/${bookingId}/leave`));
        });
    });
