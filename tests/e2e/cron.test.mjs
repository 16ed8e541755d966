// The sweep: by cron's own line, by hand, twice at once, killed half way.
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build, expect, ok, runAsCron, sleep, sqlite, startService, temporaryFolder, until } from './service.mjs';

const life = 3;
const rules = {
    FREE_TOKEN_TTL_SECONDS: String(life),
    RENEW_AFTER_SECONDS: '1',
    HEARTBEAT_INTERVAL_SECONDS: '1',
    MINIMUM_CREDIT_SECONDS: String(life),
    UNJOINED_ROOM_TTL_SECONDS: String(life),
};
const pastLifeMs = life * 1000 + 1100;
const numbers = [
    'swept_at',
    'connections_metered',
    'connections_lapsed',
    'debited_seconds',
    'rooms_closed',
    'days_summed_up',
    'nonces_purged',
    'idempotency_keys_purged',
    'messages_purged',
    'duration_ms',
];

function checkLine(line) {
    assert.deepEqual(Object.keys(line).sort(), [...numbers].sort());
    for (const name of numbers) assert.ok(Number.isInteger(line[name]) && line[name] >= 0, `${name}: ${line[name]}`);
}

describe('the sweep', { concurrency: 8 }, () => {
    it("cron's line sweeps twice a minute", async () => {
        const service = await startService();
        const log = path.join(service.folder, 'cron.log');
        const { code, stdout, stderr, ms } = await runAsCron('session-voice-meter', {
            '/usr/local/bin/session-voice-meter': path.join(build, 'session-voice-meter'),
            '/etc/session-voice/session-voice.env': service.config,
            '/var/log/session-voice/meter.log': log,
        });
        assert.deepEqual([code, stdout, stderr], [0, '', '']); // cron would mail what is printed
        assert.ok(ms < 60_000, `took ${ms} ms: the next minute's would overlap`);
        const lines = readFileSync(log, 'utf8')
            .trimEnd()
            .split('\n')
            .map((text) => JSON.parse(text));
        assert.equal(lines.length, 2);
        lines.forEach(checkLine);
        assert.ok(Math.abs(lines[1].swept_at - lines[0].swept_at - 30) <= 3, JSON.stringify(lines));
        await service.stop();
    });

    it('settles who vanished, and says so in one line', async () => {
        const service = await startService({ settings: rules });
        const [gone, guest, there] = await service.signedInMany(3);
        const room_id = await gone.host();
        ok(await guest.join(room_id));
        ok(await there.create());
        await sleep(pastLifeMs);
        const stays = await there.host().catch(() => undefined); // its unjoined room has closed, so it may have another
        assert.ok(stays);
        const [line, ...more] = await service.sweep();
        assert.deepEqual(more, []);
        checkLine(line);
        assert.deepEqual([line.connections_lapsed, line.debited_seconds], [2, 2 * life]);
        for (const client of [gone, guest]) assert.equal((await client.credits()).consumed_seconds, life);
        ok(await there.heartbeat());
        assert.match(
            await text(service),
            /connections lapsed 0, connections metered \d+, .*debited seconds \d+, .*rooms closed \d/,
        );
        await sleep(life * 1000); // the room has been empty for long enough
        await service.sweep();
        expect(await guest.join(room_id), 404, 'room_not_found');
        await service.audit();
        await service.stop();
    });

    const text = async (service) => {
        const { code, stdout, stderr } = await service.meter([]);
        assert.equal(code, 0, stderr);
        return stdout;
    };

    it('repeats as asked and ends in time', async () => {
        const service = await startService();
        const meter = await service.meter(['--json', '--every', '1', '--for', '3']);
        assert.equal(meter.code, 0, meter.stderr);
        const lines = meter.stdout
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line));
        assert.equal(lines.length, 3);
        lines.forEach(checkLine);
        assert.ok(meter.ms >= 1900 && meter.ms < 8000, `took ${meter.ms} ms`);
        for (const line of lines) assert.ok(line.duration_ms <= meter.ms, `${line.duration_ms} ms`);
        // The second that it ends with is the next one's.
        const once = await service.meter(['--json', '--every', '1', '--for', '1']);
        assert.deepEqual([once.code, once.stdout.split('\n').length], [0, 2]);
        const longest = await service.meter(['--json', '--every', '86400', '--for', '86400']);
        assert.deepEqual([longest.code, longest.stdout.split('\n').length], [0, 2], longest.stderr);
        await service.stop();
    });

    it('explains itself where it does not understand', async () => {
        const service = await startService();
        const help = await service.meter(['--help']);
        assert.deepEqual([help.code, help.stderr], [0, '']);
        assert.match(help.stdout, /^usage: session-voice-meter \[--config FILE\] [^]*  --help            this text\n$/);
        for (const args of [
            ['--every', '1'],
            ['--for', '3'],
            ['--every', '0', '--for', '3'],
            ['--every', '3', '--for', '0'],
            ['--every', '86401', '--for', '3'],
            ['--every', '3', '--for', '86401'],
            ['--every', 'x', '--for', '3'],
            ['--every', '1x', '--for', '3'],
            ['--every', '1', '--for', 'x'],
            ['--every', '1', '--for', ''],
            ['--unknown', '--json'],
            ['more'],
        ]) {
            const { code, stdout, stderr } = await service.meter(args);
            assert.deepEqual([code, stdout], [2, ''], args.join(' '));
            assert.ok(stderr.endsWith(help.stdout), args.join(' '));
        }
        const unset = await service.meter([], { env: { ...service.env, DATABASE_PATH: '', SESSION_VOICE_CONFIG: '' }, cwd: '/' });
        assert.equal(unset.code, 0, 'the file names the database');
        const missing = await service.meter(['--config', '/nonexistent/session-voice.env']);
        assert.deepEqual([missing.code, missing.stdout], [1, '']);
        assert.match(missing.stderr, /^session-voice-meter: /);
        await service.stop();
    });

    it('counts what it does, and says so to the node exporter', async () => {
        const folder = temporaryFolder();
        const textfile = path.join(folder, 'voice.prom');
        const service = await startService();
        const sweep = (env) => service.meter(['--every', '1', '--for', '1'], { env: { ...service.env, METRICS_TEXTFILE: textfile, ...env } });
        const counted = (result) => {
            const text = readFileSync(textfile, 'utf8');
            const lines = text.split('\n').filter((line) => line.startsWith('session_voice_sweeps_total{') && line.includes('"meter"'));
            return Number(lines.find((line) => line.includes(`"${result}"`))?.split(' ').at(-1) ?? 0);
        };
        assert.equal((await sweep({})).code, 0);
        const before = counted('ok');
        assert.ok(before >= 1);
        assert.equal((await sweep({})).code, 0);
        assert.ok(counted('ok') > before);
        const elsewhere = { DATABASE_PATH: path.join(folder, 'none', 'voice.db') };
        const failed = await sweep(elsewhere);
        assert.equal(failed.code, 1);
        assert.match(failed.stderr, /the sweep failed/);
        await service.stop({ keepFolder: true });

        // A newer database is not one to try again.
        await sqlite(path.join(service.folder, 'session-voice.db'), 'PRAGMA user_version = 999');
        const newer = await service.meter(['--every', '1', '--for', '5']);
        assert.equal(newer.code, 1);
        assert.match(newer.stderr, /^session-voice-meter: /);
        assert.doesNotMatch(newer.stderr, /the sweep failed/);
        assert.equal(newer.stdout, '');
        rmSync(service.folder, { recursive: true });
    });

    it('says in /health how long ago it ended', async () => {
        const service = await startService({ settings: { SWEEP_STALE_AFTER_SECONDS: '2' } });
        const stale = await until(async () => {
            const health = ok(await service.get('/health'));
            assert.equal(health.ok, true);
            return health.sweep_stale && health;
        }, 'the sweep is stale');
        assert.ok(stale.last_sweep_age_seconds > 2);
        await service.sweep();
        const fresh = ok(await service.get('/health'));
        assert.ok(fresh.last_sweep_age_seconds < stale.last_sweep_age_seconds);
        assert.equal(fresh.sweep_stale, fresh.last_sweep_age_seconds > 2);
        await service.stop();
    });

    it('charges each second once, with two of them at once or killed half way', async () => {
        const service = await startService({ settings: { ...rules, UNJOINED_ROOM_TTL_SECONDS: '300' } });
        const clients = await service.signedInMany(60);
        const rooms = [];
        for (let i = 0; i < clients.length; i += 6) {
            rooms.push(await clients[i].host());
            for (const client of clients.slice(i + 1, i + 6)) ok(await client.join(rooms.at(-1)));
        }
        // Some are metered while present, all lapse; sweeps come in pairs, or die after 1 to 24 ms.
        const deadline = performance.now() + pastLifeMs;
        let debited = 0;
        let killed = 0;
        for (let round = 0; round < 40 && performance.now() < deadline; round += 1) {
            if (round % 2 === 0) {
                const pair = await Promise.all([service.sweep(), service.sweep()]);
                debited += pair.flat().reduce((sum, line) => sum + line.debited_seconds, 0);
            } else {
                const { signal, stdout } = await service.meter(['--json'], { killAfterMs: 1 + ((round * 7) % 24) });
                if (signal === 'SIGKILL') killed += 1;
                else debited += JSON.parse(stdout).debited_seconds;
            }
            await sleep(50);
        }
        await sleep(Math.max(0, deadline - performance.now()));
        const last = await Promise.all([service.sweep(), service.sweep(), service.sweep()]);
        debited += last.flat().reduce((sum, line) => sum + line.debited_seconds, 0);
        for (const client of clients) assert.equal((await client.credits()).consumed_seconds, life);
        const total = clients.length * life;
        assert.ok(debited <= total && (killed > 0 || debited === total), `${debited} of ${total} s, ${killed} killed`);
        // Everybody may come back, for five minutes.
        const { rooms: listed } = ok(await service.get('/rooms/active'));
        const stored = await sqlite(path.join(service.folder, 'session-voice.db'), 'SELECT * FROM rooms');
        assert.equal(listed.map((room) => room.room_id).sort().join(), rooms.sort().join(), stored);
        assert.ok(listed.every((room) => room.participant_count === 0));
        await service.audit();
        await service.stop();
    });

    it('works without a server, and fails without a database', async () => {
        const service = await startService();
        await service.stop({ keepFolder: true });
        const database = path.join(service.folder, 'session-voice.db');
        // More than one step of what has expired.
        await sqlite(
            database,
            `INSERT INTO spent_nonces SELECT printf('%064d', value), 7 FROM generate_series(1, 2500);
             INSERT INTO idempotent_requests (wallet, idempotency_key, fingerprint, started_at)
             SELECT '0x${'a'.repeat(40)}', value, '${'a'.repeat(64)}', 7 FROM generate_series(1, 1200)`,
        );
        const [line] = await service.sweep();
        checkLine(line);
        assert.deepEqual([line.nonces_purged, line.idempotency_keys_purged], [2500, 1200]);
        assert.equal(await sqlite(database, 'SELECT count(*) FROM spent_nonces'), '0');
        await service.audit();
        const missing = { ...service.env, DATABASE_PATH: '/nonexistent/session-voice.db' };
        const { code, stdout, stderr } = await service.meter(['--json'], { env: missing });
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, /the sweep failed/);
        rmSync(service.folder, { recursive: true });
    });
});
