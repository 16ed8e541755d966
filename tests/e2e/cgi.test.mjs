// The program as plain CGI, and its settings: one process a request, no web server.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { privateKeyToAccount } from 'viem/accounts';
import { build, environment, run, temporaryFolder } from './service.mjs';

const program = path.join(build, 'session-voice');
const account = privateKeyToAccount(`0x${'01'.repeat(32)}`);
const secrets = {
    JWT_SECRET: 'a-jwt-secret-of-more-than-thirty-two-bytes',
    AGORA_APP_ID: '970ca35de60c44645bbae8a215061b33',
    AGORA_APP_CERTIFICATE: '5cfd2fd1755d40ecb72977518be15d3b',
};

let folder;
let settings;
before(() => {
    folder = temporaryFolder();
    const DATABASE_PATH = path.join(folder, 'session-voice.db');
    settings = { ENVIRONMENT: 'development', CHAIN_MODE: 'mock', DATABASE_PATH, ...secrets };
});
after(() => rmSync(folder, { recursive: true }));

describe('plain CGI', () => {
    // Mounted at /cgi-bin/session-voice, as `uri` arrives from the client; { status, headers, body }.
    async function request(method, uri, { body = '', variables = {}, args = [] } = {}) {
        const script = '/cgi-bin/session-voice';
        const env = environment({
            ...settings,
            GATEWAY_INTERFACE: 'CGI/1.1',
            SERVER_PROTOCOL: 'HTTP/1.1',
            SERVER_SOFTWARE: 'test',
            REMOTE_ADDR: '127.0.0.1',
            REQUEST_METHOD: method,
            REQUEST_URI: script + uri,
            SCRIPT_NAME: script,
            PATH_INFO: decodeURIComponent(uri.split('?')[0]),
            QUERY_STRING: uri.split('?')[1] ?? '',
            ...(body === ''
                ? {}
                : { CONTENT_LENGTH: String(Buffer.byteLength(body)), CONTENT_TYPE: 'application/json' }),
            ...variables,
        });
        const { code, stdout, stderr } = await run(program, args, { env, input: body });
        assert.equal(code, 0, stderr);
        const [head, ...rest] = stdout.split('\r\n\r\n');
        const lines = head.split('\r\n').map((line) => line.split(/: (.*)/s));
        const headers = Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), value]));
        return { status: Number(headers.status?.split(' ')[0]), headers, body: rest.join('\r\n\r\n') };
    }
    const json = (reply) => JSON.parse(reply.body);

    it('answers, with the length of what it says', async () => {
        const reply = await request('GET', '/health');
        assert.equal(reply.headers.status, '200 OK');
        assert.equal(reply.headers['content-type'], 'application/json');
        assert.equal(Number(reply.headers['content-length']), reply.body.length);
        assert.equal(json(reply).ok, true);
        const head = await request('HEAD', '/health');
        assert.deepEqual([head.status, head.body], [200, '']);
    });

    // To set up OpenSSL's digests and its generator takes a fifth of a small request's time.
    it('leaves OpenSSL alone where nothing is signed', async () => {
        const asked = async (uri) => {
            const env = environment({
                ...settings,
                LD_DEBUG: 'bindings',
                LD_DEBUG_OUTPUT: path.join(folder, 'bindings'),
                REQUEST_METHOD: 'GET',
                REQUEST_URI: uri,
                SCRIPT_NAME: '',
                HTTP_AUTHORIZATION: `Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.${'A'.repeat(43)}`,
            });
            assert.equal((await run(program, [], { env })).code, 0);
            const [name, ...more] = readdirSync(folder).filter((each) => each.startsWith('bindings.'));
            assert.deepEqual(more, []);
            const text = readFileSync(path.join(folder, name), 'utf8');
            rmSync(path.join(folder, name));
            const bound = /session-voice \[0\] to \S*libcrypto\S* \[0\]: normal symbol `(\w+)'/g;
            return [...text.matchAll(bound)].map(([, symbol]) => symbol);
        };
        const looksUp = (symbol) => /^(RAND_|EVP_.*(fetch|Digest))/.test(symbol);
        assert.deepEqual((await asked('/health')).filter(looksUp), []);
        assert.notDeepEqual((await asked('/credits')).filter(looksUp), []);
    });

    it('counts over all its processes what somebody may do in a minute', async () => {
        const wallet = account.address.toLowerCase();
        const variables = { RATE_LIMIT_SIGN_IN_PER_MINUTE: '2', HTTP_X_REQUEST_ID: 'mine', LOG_REQUESTS: 'off' };
        const ask = (REMOTE_ADDR) =>
            request('POST', '/auth/nonce', {
                body: JSON.stringify({ wallet }),
                variables: { ...variables, REMOTE_ADDR },
            });
        const statuses = [];
        for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']) {
            const reply = await ask(address);
            assert.equal(reply.headers['x-request-id'], 'mine');
            statuses.push(reply.headers.status);
        }
        assert.deepEqual(statuses, ['200 OK', '200 OK', '429 Too Many Requests', '200 OK']);
    });

    it('goes through sign-in, room and leaving', async () => {
        const wallet = account.address.toLowerCase();
        const post = async (uri, body, variables) => {
            const reply = await request('POST', uri, { body: JSON.stringify(body), variables });
            assert.equal(reply.status, 200, reply.body);
            return json(reply);
        };
        const { nonce } = await post('/auth/nonce', { wallet });
        const signature = await account.signMessage({ message: nonce });
        const { token } = await post('/auth/verify', { wallet, signature, nonce });
        const authorized = { HTTP_AUTHORIZATION: `Bearer ${token}` };
        const redirected = { REDIRECT_HTTP_AUTHORIZATION: `Bearer ${token}` }; // as Apache hands it on after a rewrite
        const { room_id } = await post('/rooms/create', {}, authorized);
        const { connection_id } = await post('/rooms/join', { room_id }, redirected);
        assert.equal((await post('/rooms/heartbeat', { room_id, connection_id }, authorized)).ok, true);
        const list = json(await request('GET', '/rooms/active?x=1'));
        assert.deepEqual(
            list.rooms.map((room) => room.room_id),
            [room_id],
        );
        assert.equal((await post('/rooms/leave/', { room_id, connection_id }, authorized)).closed, true);
    });

    it('works mounted at the root as well', async () => {
        for (const variables of [
            { REQUEST_URI: '/health', SCRIPT_NAME: '', PATH_INFO: '/health' },
            { REQUEST_URI: '/health', SCRIPT_NAME: '/health', PATH_INFO: '' },
        ])
            assert.equal((await request('GET', '/health', { variables })).status, 200);
    });

    it('routes by the raw path', async () => {
        for (const uri of ['/rooms%2factive', '/rooms/../health', '//health', '/index.html', '/session-voice/health'])
            assert.equal((await request('GET', uri)).status, 404, uri);
        const outside = { REQUEST_URI: '/cgi-bin/session-voicehealth', PATH_INFO: '/health' };
        assert.equal((await request('GET', '/health', { variables: outside })).status, 404);
    });

    it('acts only on a whole body', async () => {
        const body = JSON.stringify({ wallet: account.address });
        const cases = [
            [String(body.length + 1), 400],
            ['-1', 400],
            ['1e3', 400],
            ['+5', 400],
            ['18446744073709551616', 413],
            ['16385', 413],
        ];
        for (const [CONTENT_LENGTH, status] of cases) {
            const reply = await request('POST', '/auth/nonce', { body, variables: { CONTENT_LENGTH } });
            assert.equal(reply.status, status, `${CONTENT_LENGTH}: ${reply.body}`);
        }
        const chunked = { HTTP_TRANSFER_ENCODING: 'chunked', CONTENT_LENGTH: '' }; // as from Apache
        const unknown = await request('POST', '/auth/nonce', { body, variables: chunked });
        assert.deepEqual([unknown.status, json(unknown).error], [400, 'invalid_json']);
        const none = await request('POST', '/auth/nonce', { body, variables: { CONTENT_LENGTH: '' } }); // as from nginx
        assert.deepEqual([none.status, json(none).error], [400, 'missing wallet']);
    });

    // Apache makes arguments of a query without "=" (RFC 3875, 4.4): they are a client's.
    it('takes no argument from a request', async () => {
        const theirs = path.join(folder, 'theirs.env');
        const secret = 'b-jwt-secret-of-more-than-thirty-two-bytes';
        const lines = Object.entries({ ...settings, JWT_SECRET: secret, METRICS_TOKEN: 'theirs-of-16-and-more' });
        writeFileSync(theirs, lines.map(([name, value]) => `${name}=${value}`).join('\n'));
        const none = { DATABASE_PATH: '', JWT_SECRET: '', SESSION_VOICE_CONFIG: theirs }; // as a file would give them
        const expected = await request('GET', '/health');
        for (const args of [
            ['--config', theirs],
            [`--config=${theirs}`],
            ['--config', '/dev/stdin'],
            ['--config', '/dev/zero'],
            ['--check'],
            ['--help'],
            ['-h'],
            ['--version'],
            ['--workers', '2'],
            ['--with-parent'],
            ['--unknown'],
            ['--', 'x'],
        ]) {
            const uri = `/health?${args.map(encodeURIComponent).join('+')}`;
            const reply = await request('GET', uri, { args, body: lines.map((pair) => pair.join('=')).join('\n') });
            assert.deepEqual([reply.status, Object.keys(json(reply))], [200, Object.keys(json(expected))], args.join(' '));
            const metrics = await request('GET', '/metrics', {
                args,
                variables: { HTTP_AUTHORIZATION: 'Bearer theirs-of-16-and-more' },
            });
            assert.equal(metrics.status, 404, args.join(' '));
            // Either variable tells that it is a request.
            for (const missing of ['GATEWAY_INTERFACE', 'REQUEST_METHOD']) {
                const one = await request('GET', uri, { args, variables: { [missing]: undefined } });
                assert.doesNotMatch(one.body, /usage|settings/, args.join(' '));
            }
        }
        // The file is good, and read where the operator names it.
        const named = { ...none, HTTP_AUTHORIZATION: 'Bearer theirs-of-16-and-more' };
        assert.equal((await request('GET', '/metrics', { variables: named })).status, 200);
    });

    it('is the only program that answers a request', async () => {
        for (const name of ['session-voice-meter', 'session-voice-attest', 'session-voice-notify', 'session-voice-admin'])
            for (const args of [[], ['--help'], ['--config', '/dev/zero'], ['migrate'], ['audit', '--json']]) {
                const env = environment({ ...settings, GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' });
                const { code, stdout, stderr } = await run(path.join(build, name), args, { env });
                assert.deepEqual([code, stderr], [0, ''], name);
                assert.match(stdout, /^Status: 404 Not Found\r\nContent-Type: text\/plain\r\n\r\n[^-]*$/);
            }
    });

    it('answers 503 without a database, and logs why', async () => {
        const variables = { DATABASE_PATH: path.join(folder, 'missing', 'session-voice.db') };
        const health = await request('GET', '/health', { variables });
        assert.equal(health.status, 503);
        assert.deepEqual(json(health), { ok: false, error: 'database_unavailable' });
        const list = await request('GET', '/rooms/active', { variables });
        assert.deepEqual([list.status, json(list)], [503, { error: 'database_unavailable' }]);
        assert.match(list.headers['retry-after'], /^\d+$/);
    });
});

describe('settings', () => {
    const check = (changes = {}, args = []) =>
        run(program, ['--check', ...args], { env: environment({ ...settings, ...changes }) });

    // Refused with one line for each of `wrong`, and without a word of what is secret.
    async function refuses(changes, wrong, args) {
        const { code, stdout, stderr } = await check(changes, args);
        assert.equal(code, 1, stdout + stderr);
        const lines = (stdout + stderr)
            .trimEnd()
            .split('\n')
            .filter((line) => line.startsWith('  '));
        for (const name of wrong) {
            const found = lines.filter((line) => new RegExp(`(^|\\W)${name}(\\W|$)`).test(line.split(';')[0]));
            assert.equal(found.length, 1, `${name} in:\n${stdout}${stderr}`);
        }
        assert.equal(lines.length, wrong.length, `${stdout}${stderr}`);
        return stdout + stderr;
    }

    it('accepts what is complete', async () => {
        const { code, stdout, stderr } = await check();
        assert.deepEqual([code, stdout, stderr], [0, 'session-voice: the settings are complete\n', '']);
    });

    it('takes 1 to 64 workers, or a word for as many as there should be', async () => {
        for (const number of ['1', '64', 'cores', 'writers']) assert.equal((await check({}, ['--workers', number])).code, 0, number);
        for (const number of ['0', '65', '-1', '+1', '', 'x', '3x', '1.5', 'Cores', '99999999999999999999']) {
            const { code, stdout, stderr } = await check({}, ['--workers', number]);
            const said = '--workers takes a number from 1 to 64, "cores" or "writers"\n';
            assert.deepEqual([code, stdout, stderr], [2, '', said], number);
        }
    });

    it('says once for each what is missing', async () => {
        const missing = ['DATABASE_PATH', 'JWT_SECRET', 'AGORA_APP_ID', 'AGORA_APP_CERTIFICATE', 'RPC_URL'];
        missing.push('REGISTRY_ADDRESS', 'VERIFICATION_MIRROR_ADDRESS');
        const nothing = { ENVIRONMENT: '', CHAIN_MODE: '', DATABASE_PATH: '', JWT_SECRET: '', AGORA_APP_ID: '' };
        await refuses({ ...nothing, AGORA_APP_CERTIFICATE: '' }, missing);
    });

    it('says once for each what is wrong', async () => {
        const wrong = {
            ENVIRONMENT: 'prod',
            CHAIN_MODE: 'fake',
            AGORA_APP_CERTIFICATE: 'not-hex-but-secret-0123456789abcd',
            RPC_URL: 'ftp://secret-key@127.0.0.1',
            REGISTRY_ADDRESS: '0x1234',
            VERIFICATION_MIRROR_ADDRESS: 'vitalik.eth',
            ORACLE_PRIVATE_KEY: '0xsecret',
            BASE_GRANT_SECONDS: '0',
            RPC_TIMEOUT_MS: '1.5',
            FREE_ROOM_CAPACITY: '7',
            CORS_ALLOWED_ORIGINS: 'example',
        };
        const said = await refuses(wrong, Object.keys(wrong));
        assert.doesNotMatch(said, /secret-key|0xsecret|not-hex-but-secret/);
    });

    it('refuses rules that cannot hold', async () => {
        const ttl = { FREE_TOKEN_TTL_SECONDS: '30', MINIMUM_CREDIT_SECONDS: '30' };
        await refuses({ ...ttl, HEARTBEAT_INTERVAL_SECONDS: '10' }, ['RENEW_AFTER_SECONDS']);
        await refuses({ ...ttl, RENEW_AFTER_SECONDS: '10' }, ['HEARTBEAT_INTERVAL_SECONDS']);
        await refuses({ MINIMUM_CREDIT_SECONDS: '89' }, ['MINIMUM_CREDIT_SECONDS']);
    });

    it('refuses a weak secret and the mock chain in production', async () => {
        for (const ENVIRONMENT of ['production', '']) {
            await refuses({ ENVIRONMENT, JWT_SECRET: 'hunter2hunter2' }, ['JWT_SECRET', 'CHAIN_MODE']);
            await refuses({ ENVIRONMENT }, ['CHAIN_MODE']);
        }
        const address = `0x${'12'.repeat(20)}`;
        const complete = {
            RPC_URL: 'https://127.0.0.1/rpc',
            REGISTRY_ADDRESS: address,
            VERIFICATION_MIRROR_ADDRESS: address,
        };
        assert.equal((await check({ ENVIRONMENT: 'production', CHAIN_MODE: 'rpc', ...complete })).code, 0);
    });

    it('never prints a secret', async () => {
        const wrong = { BASE_GRANT_SECONDS: 'x', AGORA_APP_ID: 'app-id-0123', JWT_SECRET: 'jwt-secret-0123' };
        const more = {
            AGORA_APP_CERTIFICATE: 'certificate-0123',
            ORACLE_PRIVATE_KEY: '0x0123',
            RPC_URL: 'rpc-secret-0123',
        };
        for (const args of [['--check'], []]) {
            const env = environment({
                ...settings,
                ...wrong,
                ...more,
                ENVIRONMENT: 'production',
                GATEWAY_INTERFACE: 'CGI/1.1',
            });
            const { code, stdout, stderr } = await run(program, args, { env });
            assert.equal(code, 1);
            assert.doesNotMatch(stdout + stderr, /0123/);
        }
    });

    it('reads a file, and says which line is wrong without repeating it', async () => {
        const file = path.join(folder, 'settings.env');
        const lines = ['# comment', '', ...Object.entries(settings).map(([name, value]) => `${name}="${value}"`)];
        writeFileSync(file, lines.join('\n'));
        const env = environment();
        assert.equal((await run(program, ['--check', '--config', file], { env })).code, 0);
        assert.equal((await run(program, ['--check'], { env: environment({ SESSION_VOICE_CONFIG: file }) })).code, 0);

        const at = lines.length;
        writeFileSync(file, [...lines, 'hunter2', 'JWT_SECRT=hunter2', 'CHAIN_ID=1', 'CHAIN_ID=hunter2'].join('\n'));
        const { code, stderr } = await run(program, ['--check', '--config', file], { env });
        assert.equal(code, 1);
        for (const line of [1, 2, 4]) assert.match(stderr, new RegExp(`line ${at + line}: `));
        assert.doesNotMatch(stderr, /hunter2/);
        assert.equal((await run(program, ['--check', '--config', `${file}-missing`], { env })).code, 1);
    });

    it('explains itself, and refuses unknown options', async () => {
        const help = await run(program, ['--help']);
        assert.equal(help.code, 0);
        assert.match(help.stdout, /^usage: session-voice/);
        const unknown = await run(program, ['--unknown']);
        assert.equal(unknown.code, 2);
        assert.ok(unknown.stderr.endsWith(help.stdout));
        for (const other of ['session-voice-meter', 'session-voice-admin']) {
            assert.equal((await run(path.join(build, other), ['--help'])).code, 0);
            assert.notEqual((await run(path.join(build, other), ['--unknown'])).code, 0);
        }
    });
});
