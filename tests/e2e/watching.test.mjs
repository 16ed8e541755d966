// What an operator sees: request ids, the log, the metrics of all processes together; and the limits, which hold over all
// workers.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build, exchange, expect, freePort, ok, root, run, sleep, startService, temporaryFolder, until, workerCount } from './service.mjs';

const token = 'metrics-token-of-the-tests';

const parse = (text) =>
    new Map(
        text
            .split('\n')
            .filter((line) => line !== '' && !line.startsWith('#'))
            .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );
const scrape = async (service) => {
    const reply = await service.get('/metrics', { token });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    return parse(reply.text);
};
const requests = (route, status) => `session_voice_http_requests_total{route="${route}",status="${status}"}`;
const logLines = (service) =>
    readFileSync(path.join(service.folder, 'session-voice.log'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));

async function killWorkers(service) {
    const before = service.workers();
    assert.equal(before.length, workerCount);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await until(() => {
        const now = service.workers();
        return now.length === workerCount && now.every((pid) => !before.includes(pid));
    }, 'other workers are there');
}

describe('watching', { concurrency: 1 }, () => {
    let service;
    let textfile;
    before(async () => {
        const folder = temporaryFolder();
        textfile = path.join(folder, 'voice.prom');
        service = await startService({ folder, settings: { METRICS_TOKEN: token, METRICS_TEXTFILE: textfile } });
    });
    after(() => service.stop());

    it('gives every request an id, the client’s if it is a good one', async () => {
        for (const [method, rawPath] of [
            ['GET', '/health'],
            ['GET', '/nothing'],
            ['POST', '/rooms/create'],
            ['OPTIONS', '/rooms/create'],
            ['PUT', '/health'],
            ['HEAD', '/health'],
        ]) {
            const id = `mine.${method}-${rawPath.length}`;
            const reply = await service.request(method, rawPath, { headers: { 'X-Request-Id': id } });
            assert.equal(reply.headers['x-request-id'], id);
            const [line, ...more] = logLines(service).filter((each) => each.id === id);
            assert.deepEqual(more, []);
            assert.equal(line.method, method);
            assert.equal(line.status, reply.status);
            assert.equal(line.route, rawPath === '/nothing' ? 'none' : rawPath);
            assert.equal(typeof line.ms, 'number');
            assert.ok(line.ms > 0 && line.ms < 30_000);
            assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 30_000, line.time);
            assert.equal(line.wallet, undefined);
        }
        for (const bad of ['x'.repeat(129), 'a b', '"}', 'a,b']) {
            const id = (await service.get('/health', { headers: { 'X-Request-Id': bad } })).headers['x-request-id'];
            assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        }
        const client = await service.signedIn();
        await client.get('/credits', { headers: { 'X-Request-Id': 'of-a-wallet' } });
        const [line] = logLines(service).filter((each) => each.id === 'of-a-wallet');
        assert.equal(line.wallet, `${client.wallet.slice(0, 6)}…${client.wallet.slice(-4)}`);
    });

    it('counts each request once, and each second as the ledger does, whoever is killed', async () => {
        const base = await scrape(service);
        const clients = await service.signedInMany(3);
        const rounds = 3;
        const beats = 20;
        for (const client of clients) await client.host();
        for (let round = 0; round < rounds; round += 1) {
            await Promise.all(
                clients.flatMap((client) => Array.from({ length: beats }, async () => ok(await client.heartbeat()))),
            );
            await killWorkers(service);
        }
        await sleep(2100);
        expect(await service.get('/credits'), 401);
        for (const client of clients) ok(await client.leave());
        await service.sweep();

        const now = await scrape(service);
        const grown = (series) => (now.get(series) ?? 0) - (base.get(series) ?? 0);
        assert.equal(grown(requests('/rooms/heartbeat', 200)), clients.length * rounds * beats);
        assert.equal(grown(requests('/rooms/create', 200)), clients.length);
        assert.equal(grown(requests('/rooms/join', 200)), clients.length);
        assert.equal(grown(requests('/rooms/leave', 200)), clients.length);
        assert.equal(grown(requests('/auth/verify', 200)), clients.length);
        assert.equal(grown(requests('/credits', 401)), 1);
        assert.equal(grown(requests('/metrics', 200)), 1); // the first; this one was not over
        const beat = 'session_voice_http_request_duration_seconds_bucket{route="/rooms/heartbeat",le="+Inf"}';
        assert.equal(grown(beat), clients.length * rounds * beats);

        const sql = async (query) => {
            const { stdout, stderr } = await run('sqlite3', [
                '-readonly',
                path.join(service.folder, 'session-voice.db'),
                query,
            ]);
            assert.equal(stderr, '');
            return Number(stdout);
        };
        const metered = now.get('session_voice_metered_seconds_total');
        assert.ok(metered >= 2 * clients.length, `${metered}`);
        const refunded = now.get('session_voice_refunded_seconds_total');
        assert.equal(metered - refunded, await sql('SELECT sum(consumed_seconds) FROM credit_accounts'));
        assert.equal(metered, await sql("SELECT -sum(delta_seconds) FROM credit_events WHERE kind = 'debit_usage'"));
        assert.equal(now.get('session_voice_schema_version'), await sql('PRAGMA user_version'));
        assert.equal(now.get('session_voice_participants_present{kind="free"}'), 0);
        assert.equal(now.get('session_voice_database_up'), 1);
        const size = statSync(path.join(service.folder, 'session-voice.db')).size;
        assert.equal(now.get('session_voice_database_size_bytes'), size);
        const version = readFileSync(path.join(build, 'version'), 'utf8').trim();
        assert.equal(now.get(`session_voice_build_info{version="${version}"}`), 1);
        await service.audit();
    });

    it('leaves the same text where the node exporter looks', async () => {
        await service.sweep();
        const text = readFileSync(textfile, 'utf8');
        const written = parse(text);
        assert.ok(written.get('session_voice_sweeps_total{sweep="meter",result="ok"}') >= 1);
        assert.ok(written.get('session_voice_sweep_last_duration_seconds{sweep="meter"}') > 0);
        const scraped = await scrape(service);
        for (const series of written.keys()) assert.ok(scraped.has(series), series);
        assert.equal(
            written.get('session_voice_metered_seconds_total'),
            scraped.get('session_voice_metered_seconds_total'),
        );
        assert.equal(statSync(textfile).mode & 0o777, 0o644);
    });

    it('has a dashboard whose every metric there is', async () => {
        const { text } = await service.get('/metrics', { token });
        const families = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
        const dashboard = JSON.parse(readFileSync(path.join(root, 'deploy/grafana.json'), 'utf8'));
        const used = new Set();
        for (const panel of dashboard.panels) {
            assert.ok(panel.title && panel.type && panel.gridPos.w <= 24 && panel.targets.length > 0);
            for (const { expr } of panel.targets) {
                const names = expr.match(/session_voice_[a-z_]+/g);
                assert.ok(names.length > 0, expr);
                for (const name of names) used.add(name);
            }
        }
        for (const name of used) {
            const family = name.replace(/_(bucket|sum|count)$/, '');
            const isThere = families.has(name) || families.get(family) === 'histogram';
            assert.ok(isThere, `${name} is not in:\n${text}`);
        }
        assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
        // Whatever is counted is shown, too.
        const shown = [...used].map((name) => name.replace(/_(bucket|sum|count)$/, ''));
        for (const family of families.keys()) assert.ok(shown.includes(family), `${family} is on no panel`);
    });
});

describe('limits', () => {
    it('hold over all workers, and over their deaths', async () => {
        const most = 6;
        const service = await startService({
            settings: {
                RATE_LIMIT_SIGN_IN_PER_MINUTE: String(most),
                RATE_LIMIT_CHAIN_PER_MINUTE: String(most),
                METRICS_TOKEN: token,
            },
        });
        const client = await service.signedIn(); // takes two
        const count = async (ask, allowed) => {
            const replies = await Promise.all(Array.from({ length: 40 }, ask));
            for (const { status, json, headers } of replies) {
                if (status !== 429) continue;
                assert.equal(json.error, 'rate_limited');
                assert.ok(Number(headers['retry-after']) >= 1 && Number(headers['retry-after']) <= 10);
            }
            assert.equal(replies.filter(({ status }) => status !== 429).length, allowed);
        };
        const nonce = () => service.post('/auth/nonce', { wallet: client.wallet });
        const join = () => client.join('00000000-0000-4000-8000-000000000000');
        const create = () => client.create();
        await Promise.all([count(nonce, most - 2), count(join, most)]);
        await killWorkers(service);
        await count(nonce, 0);
        await count(create, 0);
        ok(await client.get('/credits'));
        const metrics = await scrape(service);
        assert.equal(metrics.get(requests('/auth/nonce', 429)), 40 - (most - 2) + 40);
        assert.equal(metrics.get(requests('/rooms/join', 429)), 40 - most);
        assert.equal(statSync(path.join(service.folder, 'session-voice.db-limits')).size, 1024 * 1024);
        await service.stop();
    });
});

describe('secrets', () => {
    it('are in no log, no metric, no command line, whatever is sent where', async () => {
        const marks = [];
        const mark = (what) => {
            marks.push(`marked${what}${Math.random().toString(36).slice(2)}`);
            return marks.at(-1);
        };
        const folder = temporaryFolder();
        const textfile = path.join(folder, 'voice.prom');
        const deadPort = await freePort();
        const settings = {
            METRICS_TOKEN: mark('metricstoken'),
            METRICS_TEXTFILE: textfile,
            JWT_SECRET: mark('jwtsecret'),
            ORACLE_SERVICE_TOKEN: mark('servicetoken'),
            SERVICE_TOKEN: mark('applicationsbackendtoken'),
            CHAIN_MODE: 'rpc',
            RPC_URL: `http://127.0.0.1:${deadPort}/${mark('rpckey')}`,
            REGISTRY_ADDRESS: `0x${'c0'.repeat(20)}`,
            VERIFICATION_MIRROR_ADDRESS: `0x${'c0'.repeat(20)}`,
            ESCROW_ADDRESS: `0x${'c0'.repeat(20)}`,
        };
        const service = await startService({ folder, settings });
        const client = await service.signedIn();
        marks.push(client.token);
        const nonce = await client.nonce();
        const signature = await client.sign(nonce);
        marks.push(nonce, signature, signature.slice(2), client.wallet);
        ok(await service.post('/auth/verify', { wallet: client.wallet, signature, nonce }));

        const routes = readFileSync(path.join(root, 'cgi-bin/routes.cpp'), 'utf8')
            .match(/\{"(GET|POST)", "[^"]+"/g)
            .map((text) => text.match(/"(\w+)", "([^"]+)"/).slice(1));
        assert.ok(routes.length >= 15);
        const authorizations = [
            `Bearer ${client.token}`,
            `Bearer ${settings.METRICS_TOKEN}`,
            `Bearer ${mark('wrongtoken')}`,
            `Basic ${mark('basic')}`,
        ];
        const services = [settings.ORACLE_SERVICE_TOKEN, settings.SERVICE_TOKEN, mark('wrongservicetoken')];
        const bodies = [
            { wallet: client.wallet, signature, nonce, room_id: mark('room'), connection_id: mark('connection') },
            { wallet: mark('wallet'), signature: mark('signature'), nonce: mark('nonce') },
            { wallet: client.wallet, seconds: 1, reference: mark('reference'), reason: mark('reason') },
            { room_id: '00000000-0000-4000-8000-000000000000', booking_id: '7', visibility: mark('visibility') },
            `{"${mark('broken')}`,
        ];
        const statuses = new Set();
        for (const [method, pattern] of routes) {
            for (const id of ['7', mark('id')]) {
                for (const Authorization of authorizations) {
                    for (const body of method === 'GET' ? [undefined] : bodies) {
                        for (const service_token of services) {
                            const headers = { Authorization, 'X-Service-Token': service_token, Cookie: mark('cookie') };
                            headers['X-Request-Id'] = `${mark('requestid')} and more`;
                            const rawPath = `${pattern.replace(':id', id)}?x=${mark('query')}`;
                            const reply = await exchange(service.port, method, rawPath, { headers, body });
                            statuses.add(reply.status);
                        }
                    }
                }
                if (!pattern.includes(':id')) break;
            }
        }
        await service.get(`/${mark('path')}`);
        for (const status of [200, 400, 401, 403, 503]) assert.ok(statuses.has(status), `${status} was answered`);
        await service.meter([]);

        const { text } = await service.get('/metrics', { token: settings.METRICS_TOKEN });
        const asked = parse(text).get('session_voice_chain_calls_total{method="eth_call",outcome="unavailable"}');
        assert.ok(asked >= 1, text);
        const failed = logLines(service).filter(({ status }) => status === 503);
        assert.ok(failed.some(({ id }) => service.logs().includes(`(request ${id})\n`)), 'the detail has the id');
        const commands = service.processes().map((pid) => {
            try {
                return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
            } catch {
                return ''; // it has ended meanwhile
            }
        });
        assert.ok(commands.join().includes('session-voice'));
        const places = { logs: service.logs(), metrics: text, textfile: readFileSync(textfile, 'utf8'), commands: commands.join('\n') };
        for (const [place, said] of Object.entries(places)) {
            assert.ok(said.length > 100, place);
            for (const secret of marks) assert.ok(!said.includes(secret), `${secret} is in ${place}`);
        }
        await service.stop();
    });
});
