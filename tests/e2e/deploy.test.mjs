// One and the same flow with each way to deploy the service: the files of deploy/, loaded by the real servers.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSiweMessage } from 'viem/siwe';
import { exchange, expect, ok, run, sleep, until } from './service.mjs';
import { FakeNode, answerName, hang } from './node.mjs';
import { Deployment, Host, cgiVariants, commands, isRoot, replaced, variants } from './servers.mjs';

const kib = 1024;
const mib = 1024 * kib;
const answerMs = 15_000;
const promptMs = 10_000; // on a machine that stalls; whoever is held up waits for longer
const readyMs = 30_000;

// Sends bytes and gives back what is answered up to the end of the head; undefined if the server hangs up.
function head(port, bytes) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
        let text = '';
        socket.setTimeout(answerMs, () => socket.destroy(new Error('no answer')));
        socket.on('error', reject);
        socket.on('close', () => resolve(undefined));
        socket.setEncoding('latin1').on('data', (more) => {
            text += more;
            if (!text.includes('\r\n\r\n')) return;
            resolve(text);
            socket.destroy();
        });
    });
}

const statusOf = (answer) => Number(answer.match(/^HTTP\/1\.[01] (\d{3}) /)[1]);

let host;
before(() => (host = new Host()));
after(() => host.remove());

// What every deployment must do. `copy` gives it back once it is there.
function behavesAsAlways(copy, { chunked = 200, countsBytes = true }) {
    it('goes from sign-in to leaving', async () => {
        const [host, guest] = await copy().signedInMany(2);
        const proxy = { headers: { Proxy: 'http://127.0.0.1:1/' } }; // must not become HTTP_PROXY
        const { room_id } = ok(await host.create({ visibility: 'open' }, proxy));
        ok(await host.join(room_id));
        ok(await guest.join(room_id));
        ok(await guest.heartbeat());
        assert.equal(ok(await host.renew()).token_expires_in_seconds, 90);

        const listed = await copy().get('/rooms/active');
        const entry = ok(listed).rooms.find((room) => room.room_id === room_id);
        assert.equal(entry.participant_count, 2);
        const unchanged = await copy().get('/rooms/active', { headers: { 'If-None-Match': listed.headers.etag } });
        assert.deepEqual([unchanged.status, unchanged.text], [304, '']);
        assert.equal(unchanged.headers.etag, listed.headers.etag);

        assert.equal(ok(await guest.leave()).closed, false);
        assert.equal(ok(await host.leave()).closed, true);
        ok(await copy().get('/rooms/active', { headers: { 'If-None-Match': listed.headers.etag } }));
        const credits = await host.credits();
        assert.equal(credits.remaining_seconds + credits.consumed_seconds, 1800);

        const { room_id: next_id } = ok(await host.create());
        ok(await guest.join(next_id));
        const participant = `/rooms/${next_id}/participants/${guest.seat.connection_id}`;
        expect(await copy().request('DELETE', participant, { token: guest.token }), 403, 'not_host');
        assert.equal(ok(await copy().request('DELETE', participant, { token: host.token })).closed, true);
    });

    it('lets the backend put and delete', async () => {
        const [client] = await copy().signedInMany(1);
        const ban = `/service/wallets/${client.wallet}/ban`;
        const headers = { 'X-Service-Token': copy().settings.SERVICE_TOKEN };
        ok(await copy().request('PUT', ban, { body: { reason: 'spam', expires_in: 3600 }, headers }));
        expect(await client.create(), 403, 'banned');
        ok(await copy().request('DELETE', ban, { headers }));
        ok(await client.create());
        expect(await copy().request('PUT', ban, { body: {} }), 403, 'forbidden');
    });

    it('passes the Host on, by which a signed message is judged', async () => {
        const [client] = await copy().signedInMany(1);
        const fields = { address: client.account.address, chainId: 1, nonce: await client.nonce(), version: '1' };
        const message = createSiweMessage({ ...fields, domain: 'localhost', uri: 'https://localhost/' });
        const body = { message, signature: await client.account.signMessage({ message }) };
        const at = (Host) => copy().post('/auth/verify', body, { headers: { Host } });
        expect(await at('127.0.0.1'), 401, 'wrong domain');
        ok(await at('localhost'));
    });

    it('answers HEAD, preflights, wrong methods and strangers as the program means it', async () => {
        const health = ok(await copy().get('/health'));
        assert.equal(health.ok, true);
        const [get, headOnly] = [await copy().get('/rooms/active'), await copy().request('HEAD', '/rooms/active')];
        assert.deepEqual([headOnly.status, headOnly.text], [200, '']);
        const same = ['content-type', 'cache-control', 'etag', 'access-control-allow-origin'];
        if (countsBytes) same.push('content-length');
        for (const name of same) assert.equal(headOnly.headers[name], get.headers[name], name);
        if (countsBytes) assert.equal(Number(get.headers['content-length']), get.text.length);

        const asked = 'authorization, content-type, traceparent';
        const headers = {
            Origin: 'https://app.example.org',
            'Access-Control-Request-Method': 'POST',
            'Access-Control-Request-Headers': asked,
        };
        for (const at of ['/rooms/create', '/credits', '/nothing']) {
            const preflight = await copy().request('OPTIONS', at, { headers });
            assert.deepEqual([preflight.status, preflight.text], [204, '']);
            assert.equal(preflight.headers['access-control-allow-origin'], '*');
            assert.equal(preflight.headers['access-control-allow-headers'], asked);
        }

        for (const [method, at, allow] of [
            ['PUT', '/rooms/active', 'GET, HEAD, OPTIONS'],
            ['DELETE', '/rooms/create', 'POST, OPTIONS'],
            ['GET', '/rooms/join', 'POST, OPTIONS'],
        ]) {
            const reply = await copy().request(method, at);
            expect(reply, 405, 'method_not_allowed');
            assert.equal(reply.headers.allow, allow);
        }
        const stranger = await copy().get('/credits');
        expect(stranger, 401, 'unauthorized');
        assert.equal(stranger.headers['www-authenticate'], 'Bearer');
        expect(await copy().get('/nothing'), 404, 'not_found');
        expect(await copy().get('/index.html'), 404, 'not_found');
    });

    it('has the page, as it is and compressed, and sends it once', async () => {
        for (const [at, what] of [
            ['/', /<title>Session Voice</],
            ['/operator', /<title>/],
            ['/web/client.js', /class Client/],
        ]) {
            const plain = await copy().get(at);
            assert.equal(plain.status, 200);
            assert.match(plain.text, what);
            const headers = { 'Accept-Encoding': 'gzip' };
            const packed = await copy().get(at, { headers });
            assert.equal(packed.headers['content-encoding'], 'gzip');
            assert.match(packed.headers.vary, /Accept-Encoding/);
            assert.notEqual(packed.headers.etag, plain.headers.etag);
            const again = await copy().get(at, { headers: { ...headers, 'If-None-Match': packed.headers.etag } });
            assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', packed.headers.etag]);
        }
    });

    it('lets in what is not too large', async () => {
        const { wallet } = copy().newClient();
        const padded = (bytes) => JSON.stringify({ wallet }).padEnd(bytes);
        ok(await copy().post('/auth/nonce', padded(16 * kib)));
        for (const bytes of [16 * kib + 1, 20 * kib, 900 * kib]) {
            const reply = await copy().post('/auth/nonce', padded(bytes));
            expect(reply, 413, 'payload_too_large');
            assert.equal(reply.headers['access-control-allow-origin'], '*');
        }
        const huge = await copy()
            .post('/auth/nonce', padded(5 * mib))
            .catch(() => ({ status: 413 })); // it hung up before everything was sent
        assert.equal(huge.status, 413);

        const headers = { 'Transfer-Encoding': 'chunked' };
        assert.equal((await copy().post('/auth/nonce', { wallet }, { headers })).status, chunked);
    });

    it('routes by the raw path', async () => {
        const { mount } = copy();
        const client = await copy().signedIn();
        for (const at of ['/health/', '/health?x=1', '/rooms/active/?a=/../b']) ok(await copy().get(at));
        const strangers = ['/rooms%2factive', '/rooms%2Factive', '/rooms/../health', '/rooms/%2e%2e/health'];
        strangers.push('/./health', '//health', '/health//', '/rooms//active', '/Health', '/%68ealth', '/health;a');
        strangers.push('/health/x', '/health%00', '/health%20', '/%ff', `/x/..${mount}/health`);
        for (const at of strangers) {
            const { status, json, text } = await copy().get(at);
            assert.ok([400, 403, 404].includes(status), `${at}: ${status} ${text}`);
            if (json !== undefined) assert.deepEqual([status, json.error], [404, 'not_found'], at);
        }
        for (const at of ['/rooms%2fcreate', '/rooms/x/../create', '//rooms/create', '/rooms/./create']) {
            const { status } = await client.post(at);
            assert.ok([400, 403, 404].includes(status), `${at}: ${status}`);
        }
        assert.equal((await client.credits()).base_granted_seconds, 0);
        if (mount === '') return;
        const whole = (at) => exchange(copy().port, 'GET', at);
        const outside = ['/health', `/x/..${mount}/health`, `/${mount}/health`];
        for (const at of [...outside, `${mount}x/health`, `${mount}%2fhealth`])
            assert.ok([400, 403, 404].includes((await whole(at)).status), at);
    });
}

// Over a socket, which takes HTTP.
function withstandsBytes(copy) {
    it('refuses two Authorization headers, TRACE, and bodies of megabytes', async () => {
        const { mount, port } = copy();
        const client = await copy().signedIn();
        const say = (line, ...headers) => head(port, [line, 'Host: localhost', ...headers, '', ''].join('\r\n'));
        const authorization = `Authorization: Bearer ${client.token}`;
        const credits = `GET ${mount}/credits HTTP/1.1`;
        assert.equal(statusOf(await say(credits, authorization)), 200);
        for (const other of [authorization, 'Authorization: Bearer junk', 'Authorization: Basic anVuazpqdW5r'])
            for (const twice of [
                [authorization, other],
                [other, authorization],
            ])
                assert.ok([400, 401].includes(statusOf(await say(credits, ...twice))), other);

        const trace = await say(`TRACE ${mount}/health HTTP/1.1`, 'X-Secret: hush');
        assert.ok([403, 405].includes(statusOf(trace)), trace);
        assert.doesNotMatch(trace, /hush/);

        const large = await say(`POST ${mount}/auth/nonce HTTP/1.1`, `Content-Length: ${5 * mib}`);
        assert.equal(statusOf(large), 413);
        assert.doesNotMatch(large, /application\/json/); // nobody woke the program for it
    });

    it('answers on [::1]', async () => {
        ok(await copy().get('/health', { host: '::1' }));
    });
}

// Each status that the server itself answers, with the one header without which a browser shows nothing of it.
function letsBrowsersReadItsErrors(copy, { chunked = 200, cgi = false }) {
    it("says once who may read an answer, be it its own or the program's", async () => {
        const { mount, port } = copy();
        const readers = async (line, ...headers) => {
            const answer = await head(port, [line, 'Host: localhost', ...headers, '', ''].join('\r\n'));
            const named = [...answer.matchAll(/^access-control-allow-origin: (.*)\r$/gim)].map(([, origin]) => origin);
            return [statusOf(answer), ...named];
        };
        const nonce = `POST ${mount}/auth/nonce HTTP/1.1`;
        assert.deepEqual(await readers(nonce, `Content-Length: ${5 * mib}`), [413, '*']);
        if (chunked === 411) assert.deepEqual(await readers(nonce, 'Transfer-Encoding: chunked'), [411, '*']);
        if (mount === '') {
            const [status, ...named] = await readers(`GET ${mount}/health HTTP/1.1`, `X-Long: ${'x'.repeat(64 * kib)}`);
            assert.ok([400, 431].includes(status), String(status));
            assert.deepEqual(named, ['*']);
        }
        for (const [at, status] of [
            ['/health', 200],
            ['/credits', 401],
            ['/nothing', 404],
        ])
            assert.deepEqual(await readers(`GET ${mount}${at} HTTP/1.1`), [status, '*']);
        if (cgi) return;
        await copy().endWorkers();
        const [status, ...named] = await readers(`GET ${mount}/health HTTP/1.1`);
        assert.ok([502, 503].includes(status), String(status));
        assert.deepEqual(named, ['*']);
    });
}

function usesTls(copy) {
    it('answers on [::1]', async () => {
        ok(await copy().get('/health', { host: '::1' }));
    });

    it('redirects HTTP, and says HSTS', async () => {
        const { port, tlsPort, folder } = copy();
        for (const host of ['127.0.0.1', '::1'])
            for (const at of ['/', '/rooms/active?x=1', '/auth/nonce']) {
                const reply = await exchange(port, 'POST', at, { host, body: {} });
                assert.equal(reply.status, 308);
                assert.equal(reply.headers.location, `https://localhost:${tlsPort}${at}`);
                assert.equal(reply.headers['strict-transport-security'], undefined);
            }
        for (const at of ['/health', '/nothing'])
            assert.equal((await copy().get(at)).headers['strict-transport-security'], 'max-age=31536000');

        const challenge = '.well-known/acme-challenge';
        mkdirSync(path.join(folder, 'html', challenge), { recursive: true });
        writeFileSync(path.join(folder, 'html', challenge, 'token'), 'proof');
        const renewal = await exchange(port, 'GET', `/${challenge}/token`);
        assert.deepEqual([renewal.status, renewal.text], [200, 'proof']);
    });
}

// What has to do with the three pools of workers, and with the node, which `node` gives back.
function keepsPoolsApart(copy, node, { tls = false }) {
    it('lets nobody else at the sockets', { skip: !isRoot && 'needs root' }, () => {
        const [, group] = readFileSync('/etc/group', 'utf8').match(/^www-data:x:(\d+):/m);
        for (const name of ['read.sock', 'disk.sock', 'chain.sock']) {
            const { mode, gid } = statSync(path.join(copy().folder, name));
            assert.deepEqual([mode & 0o777, gid], [0o660, Number(group)]);
        }
    });

    it('goes on while the node hangs', async () => {
        const talker = await copy().signedIn();
        await talker.host();
        const strangers = await copy().signedInMany(8);
        const calls = node().calls;
        node().answer = hang;
        let over = false;
        const watched = (promise) => promise.then((reply) => (assert.ok(over, 'answered meanwhile'), reply));
        const creating = strangers.map((client) => watched(client.create()));
        await until(() => node().calls === calls + 6, 'six creates hang, one a worker');
        // Whatever has to wait behind them; whoever has the answer at once was with the other workers.
        const chain = ['/rooms/create', '/rooms/create/', '/rooms/join', '/credits/verify-celo', '/session/join'];
        const waiting = [...chain, '/session/1/attest'].map((at) => watched(copy().post(at)));
        const all = Promise.all([...creating, ...waiting]);
        const soon = async (asked, status = 200) => {
            const reply = await asked;
            expect(reply, status);
            assert.ok(reply.ms < promptMs, `took ${reply.ms} ms`);
        };
        const served = (async () => {
            for (let round = 0; round < 10; round += 1) {
                await soon(talker.heartbeat());
                await soon(copy().get('/rooms/active'));
                await soon(copy().get('/health'));
                await soon(talker.renew());
            }
            await soon(copy().post('/session/1/leave'), 401);
            await soon(talker.leave());
        })();
        await Promise.race([served, all]);
        assert.equal(node().calls, calls + 6);
        over = true;
        node().answer = answerName;
        node().hangUp();
        const replies = await all;
        for (const reply of replies.slice(0, 8)) assert.ok([200, 503].includes(reply.status), reply.text);
        for (const reply of replies.slice(8, 13)) expect(reply, 401, 'unauthorized');
        expect(replies[13], 503, 'oracle not configured');
        ok(await (await copy().signedIn()).create());
    });

    it('becomes the program that is installed, and loses no request', async () => {
        const clients = await copy().signedInMany(4);
        for (const client of clients) await client.host();
        let isOver = false;
        let answers = 0;
        const loads = clients.map(async (client) => {
            while (!isOver) {
                ok(await client.heartbeat());
                ok(await client.renew());
                expect(await copy().post('/rooms/join'), 401);
                answers += 3;
            }
        });
        for (let time = 0; time < 3; time += 1) {
            const before = copy().workers();
            for (const pid of copy().supervisors()) process.kill(pid, 'SIGHUP');
            const areNew = (now) => now.length === before.length && !now.some((pid) => before.includes(pid));
            await until(() => areNew(copy().workers()), 'other workers', 20_000);
        }
        isOver = true;
        await Promise.all(loads);
        assert.ok(answers > 10, `${answers} answers`);
        for (const client of clients) ok(await client.leave());
    });

    it('goes on while a reader is stuck', async () => {
        const talker = await copy().signedIn();
        await talker.host();
        await copy().beatsWithOneStuck(talker);
        ok(await talker.leave());
    });

    if (tls) return;
    it('is not held up by bodies that come slowly', async () => {
        const { mount, port } = copy();
        const sockets = Array.from({ length: 32 }, () => net.connect(port, '127.0.0.1'));
        for (const socket of sockets) {
            socket.on('error', () => {});
            socket.write(`POST ${mount}/rooms/heartbeat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{`);
        }
        await sleep(200); // until they are where they get stuck
        const { ms } = await copy().get('/health');
        assert.ok(ms < promptMs, `took ${ms} ms`);
        for (const socket of sockets) socket.destroy();
    });
}

function isOperated(copy, { ownSite = true }) {
    it('is swept', async () => {
        const [line] = await copy().sweep();
        assert.ok(line.duration_ms >= 0);
        assert.equal(ok(await copy().get('/health')).sweep_stale, false);
    });

    it('writes down who asked, and no token', async () => {
        const client = await copy().signedIn();
        ok(await client.get('/credits'));
        const asked = new RegExp(`^127\\.0\\.0\\.1 .*"GET ${copy().mount}/credits HTTP/1.1" 200`, 'm');
        if (ownSite) await until(() => asked.test(copy().log('access.log')), 'the access log says so');
        assert.ok(!copy().logs().includes(client.token));
    });
}

describe('deployment', { concurrency: 3 }, () => {
    for (const [name, variant] of Object.entries(variants))
        describe(name, { concurrency: 1 }, () => {
            let node;
            let deployment;
            const copy = () => deployment;
            before(
                async () => {
                    node = await FakeNode.start(answerName);
                    const address = `0x${'c0'.repeat(20)}`;
                    deployment = new Deployment(host, variant, {
                        RPC_URL: `${node.url}/`,
                        RPC_TIMEOUT_MS: '20000',
                        RPC_MAX_CONCURRENT: '8',
                        REGISTRY_ADDRESS: address,
                        VERIFICATION_MIRROR_ADDRESS: address,
                    });
                    await deployment.start();
                },
                { timeout: readyMs },
            );
            after(async () => {
                await node.stop();
                await deployment.audit();
                await deployment.stop();
            });

            behavesAsAlways(copy, variant);
            if (variant.tls) usesTls(copy);
            else withstandsBytes(copy);
            keepsPoolsApart(copy, () => node, variant);
            isOperated(copy, variant);
            if (!variant.tls) letsBrowsersReadItsErrors(copy, variant); // no worker is left by then
        });

    // They share a home, so one after the other.
    const skip = !isRoot && 'needs root, to make a user with a home';
    describe('without workers', { skip, concurrency: 1 }, () => {
        for (const [name, variant] of Object.entries(cgiVariants))
            describe(name, { concurrency: 1 }, () => {
                let deployment;
                const copy = () => deployment;
                before(
                    async () => {
                        const settings = { ENVIRONMENT: 'development', CHAIN_MODE: 'mock' };
                        deployment = new Deployment(host, { ...variant, cgi: true }, settings);
                        await deployment.start();
                    },
                    { timeout: readyMs },
                );
                after(async () => {
                    await deployment.audit();
                    await deployment.stop();
                });

                behavesAsAlways(copy, variant);
                withstandsBytes(copy);
                isOperated(copy, variant);
                if (variant.alias !== undefined) letsBrowsersReadItsErrors(copy, { ...variant, cgi: true });
                if (variant.alias !== undefined)
                    it('has a short address, too', async () => {
                        const at = (rest) => exchange(deployment.port, 'GET', rest, { mount: variant.alias });
                        ok(await at('/health'));
                        ok(await at('/rooms/active?x=1'));
                        for (const rest of ['/rooms%2factive', '/rooms/../health', '//health', 'x/health', '%2fhealth'])
                            assert.ok([400, 403, 404].includes((await at(rest)).status), rest);
                    });
                if (variant.crontab)
                    it("is swept by the page's line for crontab", async () => {
                        const before = ok(await copy().get('/health')).last_sweep_age_seconds;
                        await sleep(2100); // by two seconds older, if it is not swept; one may begin after a sweep
                        const [line] = commands('* * * * * ', 2); // the other is for webhooks
                        const once = replaced(line, { '* * * * * ': '', ' --every 30 --for 60': '' });
                        const env = { SHELL: '/bin/sh', PATH: '/usr/bin:/bin', HOME: host.home };
                        const cron = await run('/bin/sh', ['-c', once], { env, cwd: '/', user: host.user });
                        const { code, stdout, stderr } = cron;
                        assert.deepEqual([code, stdout, stderr], [0, '', '']);
                        const log = readFileSync(path.join(host.home, 'session-voice-meter.log'), 'utf8');
                        assert.ok(JSON.parse(log.trimEnd().split('\n').at(-1)).duration_ms >= 0);
                        assert.ok(ok(await copy().get('/health')).last_sweep_age_seconds <= Math.max(before, 1));
                    });
            });
    });
});
