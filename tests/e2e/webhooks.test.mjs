// What others are told: webhooks as the application gets them, and Agora as its documentation says. The notifier is the
// real one; its receivers are real servers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { Agora, Outbox, Receiver, listen, secret } from './outbox.mjs';
import { build, environment, run, sleep, until } from './service.mjs';

const otherSecret = `whsec_${Buffer.alloc(64, 'another').toString('base64')}`;
const agoraSettings = {
    AGORA_APP_ID: '970CA35de60c44645bbae8a215061b33',
    AGORA_CUSTOMER_ID: 'customer-of-the-tests',
    AGORA_CUSTOMER_SECRET: 'password-of-the-tests',
};
const asAgora = { customer: agoraSettings.AGORA_CUSTOMER_ID, password: agoraSettings.AGORA_CUSTOMER_SECRET, appId: agoraSettings.AGORA_APP_ID };

// An outbox whose receiver does as `answer` says.
async function telling(answer, settings = {}) {
    const receiver = await new Receiver(answer).start();
    const outbox = new Outbox({ WEBHOOK_URL: `${receiver.url}/hooks`, WEBHOOK_SECRET: secret, ...settings });
    return { receiver, outbox };
}

const failureOf = async (outbox) => {
    const { messages } = await outbox.list();
    assert.equal(messages.length, 1);
    assert.equal(messages[0].state, 'failed');
    return messages[0].failure;
};

describe('webhooks', { concurrency: 4 }, () => {
    it('are verified by a ready library, and by nothing that was changed', async () => {
        const { receiver, outbox } = await telling(undefined, { WEBHOOK_SECRET: `${secret} ${otherSecret}` });
        const data = { room_id: 'x', title: 'Über uns 🎙 "</script>"' };
        await outbox.write([{ stream: 'x', type: 'room.opened', data }]);
        assert.deepEqual(await outbox.round().then(({ delivered, failed, waiting }) => [delivered, failed, waiting]), [1, 0, 0]);
        assert.equal(await outbox.round(), undefined); // nothing to say
        const [request, ...more] = receiver.requests;
        assert.deepEqual(more, []);
        assert.deepEqual([request.method, request.url], ['POST', '/hooks']);
        assert.match(request.headers['webhook-id'], /^msg_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.equal(request.headers['content-type'], 'application/json');
        assert.match(request.headers['user-agent'], /^session-voice\/\d/);
        for (const key of [secret, otherSecret]) {
            const said = new Webhook(key).verify(request.body, request.headers);
            assert.deepEqual(Object.keys(said), ['type', 'timestamp', 'data']);
            assert.deepEqual([said.type, said.data], ['room.opened', data]);
            assert.match(said.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
            assert.ok(Math.abs(Date.now() - Date.parse(said.timestamp)) < 60_000);
        }
        const verifies = (body, headers) => {
            try {
                return new Webhook(secret).verify(body, headers) !== undefined;
            } catch {
                return false;
            }
        };
        const bytes = Buffer.from(request.body);
        for (let bit = 0; bit < bytes.length * 8; bit += 7) {
            const flipped = Buffer.from(bytes);
            flipped[bit >> 3] ^= 1 << (bit & 7);
            assert.ok(!verifies(flipped.toString('latin1'), request.headers), `bit ${bit}`);
        }
        const { headers } = request;
        assert.ok(!verifies(request.body, { ...headers, 'webhook-id': `${headers['webhook-id']}x` }));
        assert.ok(!verifies(request.body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) }));
        assert.throws(() => new Webhook(`whsec_${Buffer.alloc(32).toString('base64')}`).verify(request.body, headers));
        receiver.stop();
    });

    it('come in the order of their room, while others do not wait', async () => {
        let isWell = false;
        const { receiver, outbox } = await telling((_, response, body) =>
            response.writeHead(isWell || JSON.parse(body).data.room !== 'a' ? 200 : 500).end());
        const rooms = ['a', 'b', 'c'];
        await outbox.write(Array.from({ length: 30 }, (_, i) => ({ stream: rooms[i % 3], data: { room: rooms[i % 3], number: i } })));
        const line = await outbox.round();
        assert.deepEqual([line.delivered, line.failed, line.waiting], [20, 1, 10]);
        isWell = true;
        const { stdout } = await outbox.admin('webhooks', 'retry', '--all');
        assert.match(stdout, /^1 messages are due now$/m);
        assert.equal((await outbox.round()).delivered, 10);
        for (const room of rooms) {
            const numbers = receiver.bodies().map(({ data }) => data).filter((data) => data.room === room).map(({ number }) => number);
            assert.deepEqual([...new Set(numbers)], [...numbers].sort((a, b) => a - b).filter((n, i, all) => n !== all[i - 1]));
            assert.equal(new Set(numbers).size, 10);
        }
        const ids = receiver.requests.map(({ headers }) => headers['webhook-id']);
        assert.equal(new Set(ids).size, 30); // the repeat has the same
        assert.equal(ids.length, 31);
        receiver.stop();
    });

    it('do not wait for a receiver that hangs, but for 15 s', async () => {
        const { receiver, outbox } = await telling((_, response, body) => JSON.parse(body).data.hang || response.end());
        await outbox.write([{ stream: 'a', data: { hang: true } }, { stream: 'b' }, { stream: 'b' }]);
        const begun = performance.now();
        const round = outbox.round();
        await until(() => receiver.requests.length === 3, 'the others are told meanwhile', 3000);
        const { delivered, failed } = await round;
        assert.deepEqual([delivered, failed], [2, 1]);
        const seconds = (performance.now() - begun) / 1000;
        assert.ok(seconds > 14 && seconds < 20, `${seconds} s`);
        assert.match(await failureOf(outbox), /^Timeout/);
        receiver.stop();
    });

    it('follow no redirect', async () => {
        const { receiver, outbox } = await telling((request, response) =>
            request.url === '/hooks' ? response.writeHead(307, { Location: '/elsewhere' }).end() : response.end());
        await outbox.write([{}]);
        assert.equal((await outbox.round()).failed, 1);
        assert.deepEqual(receiver.requests.map(({ url }) => url), ['/hooks']);
        assert.equal(await failureOf(outbox), 'HTTP status 307');
        receiver.stop();
    });

    it('read at most 64 KiB of an answer', async () => {
        let sent = 0;
        const { receiver, outbox } = await telling((_, response) => {
            const more = () => {
                for (;;) {
                    if (response.destroyed || sent > 64 * 1024 * 1024) return response.end();
                    sent += 16384;
                    if (!response.write(Buffer.alloc(16384, 'x'))) return response.once('drain', more);
                }
            };
            more();
        });
        await outbox.write([{}]);
        assert.equal((await outbox.round()).delivered, 1);
        assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes were taken`); // what the kernel holds
        receiver.stop();
    });

    it('heed Retry-After', async () => {
        const { receiver, outbox } = await telling((_, response) => response.writeHead(503, { 'Retry-After': '3600' }).end());
        await outbox.write([{}]);
        await outbox.round();
        const [message] = (await outbox.list()).messages;
        const wait = Date.parse(message.next_attempt_at) - Date.now();
        assert.ok(wait > 3500_000 && wait <= 3600_000, `${wait} ms`);
        receiver.stop();
    });

    it('go to no private address, whatever its name', async () => {
        const { receiver } = await telling();
        for (const host of ['2130706433', '127.1', '0x7f000001', '017700000001']) {
            const settings = { WEBHOOK_URL: `https://${host}:${receiver.port}/`, WEBHOOK_SECRET: secret };
            const outbox = new Outbox(settings);
            await outbox.write([{}]);
            assert.equal((await outbox.round()).failed, 1);
            assert.equal(await failureOf(outbox), 'its host stands for an address that may not be connected to');
            assert.equal(receiver.connections, 0, host);
        }
        const allowed = new Outbox({ WEBHOOK_URL: `https://127.1:${receiver.port}/`, WEBHOOK_SECRET: secret, WEBHOOK_ALLOW_PRIVATE: '1' });
        await allowed.write([{}]);
        assert.equal((await allowed.round()).failed, 1); // it speaks no TLS
        assert.equal(receiver.connections, 1);
        receiver.stop();
    });

    it('trust no certificate that nobody vouches for', async () => {
        const folder = new Outbox({}).folder;
        const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name));
        const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']);
        assert.equal(made.code, 0, made.stderr);
        let came = 0;
        const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
            came += 1;
            response.end();
        });
        const outbox = new Outbox({ WEBHOOK_URL: `https://localhost:${await listen(server)}/`, WEBHOOK_SECRET: secret });
        await outbox.write([{}]);
        assert.equal((await outbox.round()).failed, 1);
        assert.equal(came, 0);
        assert.match(await failureOf(outbox), /certificate/);
        server.close();
    });

    it('go through no proxy', async () => {
        const { receiver, outbox } = await telling();
        let asked = 0;
        const proxy = net.createServer((socket) => {
            asked += 1;
            socket.destroy();
        });
        const url = `http://127.0.0.1:${await listen(proxy)}`;
        await outbox.write([{}]);
        const env = environment({ http_proxy: url, HTTP_PROXY: url, HTTPS_PROXY: url, ALL_PROXY: url, all_proxy: url });
        assert.equal((await outbox.round({ env })).delivered, 1);
        assert.equal(asked, 0);
        receiver.stop();
        proxy.close();
    });

    it('stop at 410 until an operator resumes them', async () => {
        let status = 410;
        const { receiver, outbox } = await telling((_, response) => response.writeHead(status).end());
        await outbox.write([{ stream: 'a' }, { stream: 'b' }]);
        await outbox.round();
        status = 200;
        const before = receiver.requests.length;
        assert.equal(await outbox.round(), undefined);
        assert.equal(receiver.requests.length, before);
        assert.ok((await outbox.list()).destinations[0].paused_at);
        const { stdout: doctor } = await outbox.admin('doctor');
        assert.match(doctor, /FAIL.*WEBHOOK_URL has answered 410/);
        assert.match((await outbox.admin('webhooks', 'resume', '--dry-run')).stdout, /webhook is told again/);
        assert.equal(await outbox.round(), undefined);
        assert.match((await outbox.admin('webhooks', 'resume')).stdout, /^webhook is told again$/m);
        assert.equal((await outbox.round()).delivered, 2);
        assert.match((await outbox.admin('webhooks', 'resume')).stdout, /nothing was paused/);
        receiver.stop();
    });

    it('are shown, tried and tested by the operator', async () => {
        let status = 500;
        let said = 'what \u0000 it says';
        const { receiver, outbox } = await telling((_, response) => response.writeHead(status).end(said), {});
        const test = await outbox.admin('webhooks', 'test');
        assert.equal(test.code, 1);
        assert.match(test.stdout, /^msg_[-0-9a-f]{36}: HTTP status 500 after \d+ ms\n"what \\u0000 it says"\n$/);
        status = 200;
        const tested = JSON.parse((await outbox.admin('webhooks', 'test', '--json')).stdout);
        assert.deepEqual([tested.delivered, tested.status, tested.answer], [true, 200, 'what \u0000 it says']);
        const request = receiver.requests.at(-1);
        assert.deepEqual([request.headers['webhook-id'], new Webhook(secret).verify(request.body, request.headers).type], [tested.webhook_id, 'test']);
        said = 'a'.repeat(501);
        assert.equal(JSON.parse((await outbox.admin('webhooks', 'test', '--json')).stdout).answer, 'a'.repeat(500));
        assert.match((await outbox.admin('webhooks', 'test')).stdout, /^"a{500}"$/m);

        status = 500;
        await outbox.write([{ stream: 'a', data: { room_id: 'x' } }]);
        await outbox.round();
        const [{ message_id, webhook_id }] = (await outbox.list()).messages;
        for (const id of [String(message_id), webhook_id]) {
            const shown = JSON.parse((await outbox.admin('webhooks', 'show', id, '--json')).stdout);
            assert.deepEqual([shown.state, shown.attempts, shown.failure, shown.data], ['failed', 1, 'HTTP status 500', { room_id: 'x' }]);
        }
        assert.match((await outbox.admin('webhooks', 'show', String(message_id))).stdout, /state|failed/);
        assert.equal((await outbox.admin('webhooks', 'show', '999')).code, 1);
        for (const args of [[], ['1', '--all']]) assert.equal((await outbox.admin('webhooks', 'retry', ...args)).code, 1);
        status = 200;
        assert.equal(await outbox.round(), undefined); // not yet
        assert.equal((await outbox.admin('webhooks', 'retry', String(message_id))).code, 0);
        assert.equal((await outbox.round()).delivered, 1);
        assert.match((await outbox.admin('webhooks', 'retry', String(message_id))).stderr, /is delivered/);
        assert.match((await outbox.admin('webhooks', 'list')).stdout, /^webhook 0 waiting, 0 given up\nagora   0 waiting, 0 given up\n$/);
        receiver.stop();
    });

    it('are delivered once by two notifiers at once', async () => {
        const { receiver, outbox } = await telling((_, response) => setTimeout(() => response.end(), 5));
        await outbox.write(Array.from({ length: 300 }, (_, i) => ({ stream: `room ${i % 40}`, data: { number: i } })));
        const lines = await Promise.all([outbox.round(), outbox.round(), outbox.round()]);
        assert.equal(lines.reduce((sum, line) => sum + (line?.delivered ?? 0), 0), 300);
        assert.equal(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size, 300);
        assert.equal(receiver.requests.length, 300);
        receiver.stop();
    });

    it('that are under way are noted at SIGTERM', async () => {
        const { receiver, outbox } = await telling((_, response, body) =>
            JSON.parse(body).data.hang ? undefined : setTimeout(() => response.end(), 1000));
        await outbox.write([{ data: {} }, { data: { hang: true } }]);
        const begun = performance.now();
        const ended = outbox.notify(['--every', '1', '--for', '60'], { onStart: (child) => (receiver.child = child) });
        await until(() => receiver.requests.length === 2, 'both are under way');
        receiver.child.kill('SIGTERM');
        const { signal } = await ended;
        assert.equal(signal, 'SIGTERM');
        assert.ok(performance.now() - begun < 8000);
        const { messages } = await outbox.list();
        assert.deepEqual(messages.map(({ state }) => state), ['under_way']); // who hangs; the other has been noted
        receiver.stop();
    });
});

describe('Agora', { concurrency: 2 }, () => {
    it('is told within 2 s whom to turn away, as its documentation says', async () => {
        const agora = await new Agora(asAgora).start();
        const outbox = new Outbox({ ...agoraSettings, AGORA_API_URL: agora.url });
        const ended = outbox.notify(['--every', '1', '--for', '8']);
        await sleep(1500);
        const now = Math.floor(Date.now() / 1000);
        const begun = Date.now();
        const turnAway = (uid, until) => ({ destination: 'agora', stream: 'heaven-free-x', type: 'turn_away', data: { channel: 'heaven-free-x', uid, until } });
        await outbox.write([turnAway(7, now + 90), turnAway(8, now + 4), turnAway(9, now - 1), turnAway(4294967295, now + 100_000)]);
        await until(() => agora.kicked.length === 3, 'all are turned away');
        assert.ok(agora.kicked.at(-1).at - begun < 2000, `${agora.kicked.at(-1).at - begun} ms`);
        assert.deepEqual(agora.refused, []);
        assert.deepEqual(agora.kicked.map(({ uid }) => uid), [7, 8, 4294967295]);
        const [first, second, third] = agora.kicked.map(({ time_in_seconds: seconds }) => seconds);
        assert.ok(first >= 87 && first <= 90 && second === 10 && third === 86430, `${first} ${second} ${third}`);
        const { code, stdout, stderr } = await ended;
        assert.equal(code, 0, stderr);
        const sums = stdout.trim().split('\n').map((line) => JSON.parse(line));
        assert.deepEqual([sums.reduce((sum, line) => sum + line.delivered, 0), sums.reduce((sum, line) => sum + line.void, 0)], [3, 1]);
        agora.stop();
    });

    it('and an application that hangs have each their own pace', async () => {
        const agora = await new Agora(asAgora).start();
        const { receiver, outbox } = await telling(() => {}, { ...agoraSettings, AGORA_API_URL: agora.url });
        await outbox.write(Array.from({ length: 100 }, () => ({})));
        const child = spawn(path.join(build, 'session-voice-notify'), ['--config', outbox.config, '--every', '1', '--for', '60'], { env: environment() });
        await until(() => receiver.requests.length === 16, 'the application hangs');
        const begun = Date.now();
        const until_ = Math.floor(begun / 1000) + 60;
        await outbox.write([{ destination: 'agora', stream: 'c', type: 'turn_away', data: { channel: 'c', uid: 1, until: until_ } }]);
        await until(() => agora.kicked.length === 1, 'Agora is told');
        assert.ok(Date.now() - begun < 2000);
        assert.equal(receiver.requests.length, 16);
        child.kill('SIGKILL');
        agora.stop();
        receiver.stop();
    });

    it('that refuses is asked again, and a wrong password is told to nobody', async () => {
        const agora = await new Agora({ ...asAgora, password: 'another' }).start();
        const outbox = new Outbox({ ...agoraSettings, AGORA_API_URL: agora.url });
        const until_ = Math.floor(Date.now() / 1000) + 60;
        await outbox.write([{ destination: 'agora', type: 'turn_away', data: { channel: 'c', uid: 1, until: until_ } }]);
        assert.equal((await outbox.round()).failed, 1);
        assert.equal(await failureOf(outbox), 'HTTP status 400');
        agora.stop();
    });
});

describe('the notifier', () => {
    it('says that there is nobody to tell', async () => {
        const { code, stderr } = await new Outbox({}).notify();
        assert.equal(code, 1);
        assert.match(stderr, /neither WEBHOOK_URL nor AGORA_CUSTOMER_ID is set/);
    });

    it('names settings that are wrong, and quotes none', async () => {
        const { code, stderr } = await new Outbox({ WEBHOOK_URL: 'http://user:passwordpassword@app.example.org/pathpathpath' }).notify();
        assert.equal(code, 1);
        assert.match(stderr, /WEBHOOK_URL must be/);
        assert.match(stderr, /WEBHOOK_SECRET is not set/);
    });

    it('runs by cron’s own line', async () => {
        const line = readFileSync(new URL('../../cron/crontab', import.meta.url), 'utf8').match(/^\* \* \* \* \* .*notify.*$/m)[0];
        assert.match(line, /session-voice-notify --config \S+ --every 1 --for 60 --json >>\S+ 2>&1$/);
    });
});
