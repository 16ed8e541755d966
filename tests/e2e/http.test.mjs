// What HTTP itself brings along: methods, sizes, raw paths, headers twice, bodies cut short.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { exchange, exchangeBytes, expect, ok, startService } from './service.mjs';

const kib = 1024;
const { paths } = JSON.parse(readFileSync(new URL('../../cgi-bin/openapi.json', import.meta.url), 'utf8'));
const routes = Object.entries(paths).flatMap(([at, operations]) =>
    ['GET', 'POST', 'PUT', 'DELETE']
        .filter((method) => operations[method.toLowerCase()])
        .map((method) => [method, at.replaceAll(/\{\w+\}/g, '7')]),
);
// Without them some paths are unknown.
const settings = {
    METRICS_TOKEN: 'only-for-this-test',
    SERVICE_TOKEN: 'only-for-this-test-and-the-backend',
    AGORA_NOTIFICATION_SECRET: 'only-for-this-test',
};

describe('HTTP', () => {
    let service;
    let client;
    before(async () => {
        service = await startService({ settings });
        client = await service.signedIn();
    });
    after(async () => {
        await service.audit();
        await service.stop();
    });

    it('answers HEAD as GET, without a body', async () => {
        for (const path of ['/health', '/rooms/active', '/credits']) {
            const [get, head] = [await client.get(path), await service.request('HEAD', path, { token: client.token })];
            assert.deepEqual([head.status, head.text], [200, '']);
            for (const name of ['content-type', 'cache-control', 'etag', 'access-control-allow-origin'])
                assert.equal(head.headers[name], get.headers[name], `${name} of ${path}`);
        }
        ok(await service.request('HEAD', '/rooms/active'));
    });

    it('answers a preflight on any path, and echoes the headers asked for', async () => {
        for (const [, path] of [...routes, ['', '/nothing']]) {
            const asked = 'authorization, content-type, traceparent, x-my-own';
            const headers = {
                Origin: 'https://app.example.org',
                'Access-Control-Request-Method': 'POST',
                'Access-Control-Request-Headers': asked,
            };
            const reply = await service.request('OPTIONS', path, { headers });
            assert.deepEqual([reply.status, reply.text], [204, '']);
            assert.equal(reply.headers['access-control-allow-origin'], '*');
            assert.equal(reply.headers['access-control-allow-headers'], asked);
            for (const method of ['GET', 'POST'])
                assert.match(reply.headers['access-control-allow-methods'], new RegExp(method));
        }
    });

    it('puts the CORS headers on every answer', async () => {
        const replies = [await service.get('/health'), await service.get('/nothing'), await service.get('/credits')];
        replies.push(await service.get('/rooms/join'), await service.post('/auth/nonce', '{'));
        assert.deepEqual(
            replies.map((reply) => reply.status),
            [200, 404, 401, 405, 400],
        );
        for (const { headers } of replies) {
            assert.equal(headers['access-control-allow-origin'], '*');
            for (const name of ['ETag', 'Idempotency-Replayed', 'Retry-After', 'X-Request-Id'])
                assert.match(headers['access-control-expose-headers'], new RegExp(`\\b${name}\\b`));
            assert.match(headers['content-type'], /^application\/json/);
        }
        for (const reply of replies.slice(1)) assert.equal(reply.headers['cache-control'], 'no-store');
    });

    it('answers 405 with Allow for a wrong method, TRACE among them', async () => {
        for (const [method, path] of routes) {
            const known = routes.filter(([, at]) => at === path).map(([right]) => right);
            if (known.includes('GET')) known.push('HEAD');
            for (const other of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'TRACE'].filter(
                (each) => !known.includes(each),
            )) {
                const reply = await service.request(other, path);
                assert.equal(reply.status, 405, `${other} ${path}: ${reply.status}`);
                assert.ok(reply.headers.allow.split(/, */).includes(method), `${path} allows ${reply.headers.allow}`);
                if (other !== 'HEAD') assert.equal(reply.json.error, 'method_not_allowed');
            }
        }
        const trace = await exchangeBytes(
            service.port,
            'TRACE /credits HTTP/1.1\r\nHost: x\r\nX-Secret: hush\r\nConnection: close\r\n\r\n',
        );
        assert.match(trace, /^HTTP\/1\.1 405 /);
        assert.doesNotMatch(trace, /hush/);
    });

    it('answers 404 before it looks at anything else', async () => {
        for (const method of ['GET', 'POST', 'DELETE'])
            expect(await service.request(method, '/nothing'), 404, 'not_found');
        expect(await service.post('/nothing', 'x'.repeat(17 * kib)), 404, 'not_found');
    });

    it('takes 16 KiB and not a byte more', async () => {
        const padded = (bytes) => JSON.stringify({ wallet: client.wallet }).padEnd(bytes);
        ok(await service.post('/auth/nonce', padded(16 * kib)));
        for (const bytes of [16 * kib + 1, 17 * kib, 100 * kib, 900 * kib]) {
            expect(await service.post('/auth/nonce', padded(bytes)), 413, 'payload_too_large');
            // the size comes before the missing token
            expect(await service.post('/rooms/create', padded(bytes)), 413, 'payload_too_large');
        }
        assert.equal(
            (await service.post('/auth/nonce', padded(2 * kib * kib)).catch((error) => error)).status ?? 413,
            413,
        );
    });

    it('takes a chunked body', async () => {
        const headers = { 'Transfer-Encoding': 'chunked' };
        ok(await service.post('/auth/nonce', { wallet: client.wallet }, { headers }));
        expect(await service.post('/auth/nonce', 'x'.repeat(17 * kib), { headers }), 413, 'payload_too_large');
    });

    it('routes by the raw path', async () => {
        for (const path of ['/health/', '/health?x=1', '/health/?', '/rooms/active/?a=/../b'])
            ok(await service.get(path));
        const strangers = [
            '/rooms%2factive',
            '/rooms%2Factive',
            '/rooms/../health',
            '/rooms/%2e%2e/health',
            '/./health',
        ];
        strangers.push(
            '//health',
            '/health//',
            '/rooms//active',
            '/Health',
            '/HEALTH',
            '/%68ealth',
            '/health;a',
            '/health/x',
        );
        strangers.push('/index.html', '/rooms', '/rooms/active/..', '/cgi-bin/health', '/health%20', '/health.');
        for (const path of strangers) {
            const reply = await service.get(path);
            assert.deepEqual([reply.status, reply.json.error], [404, 'not_found'], path);
        }
        for (const path of ['/rooms%2fcreate', '/rooms/x/../create', '//rooms/create', '/rooms/./create'])
            expect(await client.post(path), 404, 'not_found');
        for (const path of ['/health%00', '/rooms/create%00', '/%ff%fe'])
            assert.ok([400, 404].includes((await service.get(path)).status), path);
    });

    it('refuses two Authorization headers', async () => {
        const other = await service.signedIn();
        const twice = (first, second) =>
            exchangeBytes(
                service.port,
                'GET /credits HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' +
                    `Authorization: Bearer ${first}\r\nAuthorization: Bearer ${second}\r\n\r\n`,
            );
        for (const second of [client.token, other.token, 'junk', ''])
            for (const answer of [await twice(client.token, second), await twice(second, client.token)])
                assert.match(answer, /^HTTP\/1\.1 (401|400) /);
    });

    it('changes nothing for a body that stops short', async () => {
        const half = (path, body, announced) =>
            exchangeBytes(
                service.port,
                `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n` +
                    `Content-Type: application/json\r\nContent-Length: ${announced}\r\n\r\n${body}`,
                { hangUpAfterMs: 100 },
            );
        const whole = '{"visibility":"open"}';
        for (const [body, announced] of [
            [whole, whole.length + 1],
            ['{', 100],
            ['', 2],
            [whole, 17 * kib],
        ])
            assert.doesNotMatch(await half('/rooms/create', body, announced), /^HTTP\/1\.1 200 /);
        assert.equal((await client.credits()).base_granted_seconds, 0);

        const room_id = await client.host();
        const leave = JSON.stringify(client.seat);
        await half('/rooms/leave', leave, leave.length + 1);
        ok(await client.heartbeat());
        assert.equal(ok(await client.leave()).closed, true);
        expect(await client.join(room_id), 404, 'room_not_found');
    });

    it('serves many requests over one connection', async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        const ports = new Set();
        agent.on('free', (socket) => ports.add(socket.localPort));
        for (let i = 0; i < 50; i += 1) ok(await exchange(service.port, 'GET', '/health', { agent }));
        agent.destroy();
        assert.equal(ports.size, 1);
    });

    it('answers pipelined requests in their order', async () => {
        const one = (path, last) => `GET ${path} HTTP/1.1\r\nHost: x\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
        const answer = await exchangeBytes(service.port, one('/health') + one('/nothing') + one('/rooms/active', true));
        assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
    });

    it('does not let a client name its address or a proxy', async () => {
        const headers = { Proxy: 'http://127.0.0.1:1', 'X-Forwarded-For': '1.2.3.4', 'X-Real-Ip': '1.2.3.4' };
        ok(await client.get('/credits', { headers }));
        ok(await service.post('/auth/nonce', { wallet: client.wallet }, { headers }));
    });
});

describe('a list of allowed origins', () => {
    let service;
    const first = 'https://app.example.org';
    const second = 'https://other.example.org:8443';
    const wildcard = 'https://*.example.com';
    before(async () => {
        service = await startService({ settings: { CORS_ALLOWED_ORIGINS: `${first}, ${second} ${wildcard}` } });
    });
    after(() => service.stop());

    it('admits those on it alone', async () => {
        const allowed = async (origin) => {
            const { headers } = await service.get('/health', { headers: { Origin: origin } });
            assert.match(headers.vary, /\bOrigin\b/);
            return headers['access-control-allow-origin'];
        };
        assert.equal(await allowed(first), first);
        assert.equal(await allowed(second), second);
        for (const below of ['https://a.example.com', 'https://c.b.a.example.com'])
            assert.equal(await allowed(below), below);
        for (const stranger of [
            ...['https://evil.example.org', 'null', `${first}.evil.org`, 'https://app.example.org:444'],
            ...['https://example.com', 'https://evilexample.com', 'http://a.example.com', 'https://a.example.com:444'],
        ])
            assert.notEqual(await allowed(stranger), stranger);
    });

    it('lets those on it ask from another network', async () => {
        const answer = async (origin) => {
            const headers = { Origin: origin, 'Access-Control-Request-Private-Network': 'true' };
            const reply = await service.request('OPTIONS', '/health', { headers });
            return reply.headers['access-control-allow-private-network'];
        };
        assert.equal(await answer(first), 'true');
        assert.equal(await answer('https://a.example.com'), 'true');
        assert.equal(await answer('https://evil.example.org'), undefined);
    });
});
