// Somebody removes the database, or puts another in its place, while the service runs. From then on nothing is
// acknowledged and nothing is written to either file; what was acknowledged is in the file that was open.
import assert from 'node:assert/strict';
import {
    copyFileSync,
    existsSync,
    linkSync,
    readFileSync,
    readdirSync,
    renameSync,
    rmSync,
    statSync,
    symlinkSync,
    truncateSync,
} from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { build, expect, ok, run, sleep, startService, until, workerCount } from './service.mjs';

const loadMs = 700;

async function rows(file, sql) {
    const { code, stdout, stderr } = await run('sqlite3', ['-readonly', '-json', file, sql]);
    assert.equal(code, 0, stderr);
    return stdout.trim() === '' ? [] : JSON.parse(stdout);
}

// Clients that make and leave rooms until they are stopped: the ids of those whose making was acknowledged.
function load(clients) {
    const acknowledged = [];
    let isOver = false;
    const going = clients.map(async (client) => {
        while (!isOver) {
            const from = performance.now();
            const made = await client.create();
            assert.ok([200, 409, 503].includes(made.status), made.text);
            if (made.status === 200) acknowledged.push({ room_id: made.json.room_id, from });
            const room_id = made.json.room_id;
            if (room_id !== undefined) await client.service.delete(`/rooms/${room_id}`, { token: client.token });
        }
    });
    return {
        acknowledged,
        stop: async () => {
            isOver = true;
            await Promise.all(going);
        },
    };
}

// `put` does it; `whole` gives back a file that holds everything that was acknowledged.
const ways = [
    {
        name: 'the file removed',
        says: /session-voice\.db has been taken away\. Put it back/,
        put: ({ database }) => rmSync(database),
        isGone: true,
    },
    {
        name: 'the file moved away',
        says: /session-voice\.db has been taken away\. Put it back/,
        put: ({ database, aside }) => renameSync(database, aside),
        back: ({ database, aside }) => renameSync(aside, database),
        isGone: true,
    },
    {
        name: 'a backup moved over it',
        says: /session-voice\.db is another file than the service has open/,
        put: ({ database, backup }) => renameSync(backup, database),
        isOther: true,
    },
    {
        name: 'a backup copied over it',
        says: /session-voice\.db was written over by something else/,
        put: ({ database, backup }) => copyFileSync(backup, database),
        isLost: true,
        isOther: true,
    },
    {
        name: 'the log removed',
        says: /session-voice\.db-wal is not the log that the service has open/,
        put: ({ database }) => rmSync(`${database}-wal`),
    },
    {
        name: 'the lock file removed',
        says: /session-voice\.db-lock is not the file that the service has open/,
        put: ({ database }) => rmSync(`${database}-lock`),
    },
];

describe('a database that is no longer at its place', { concurrency: 2 }, () => {
    for (const way of ways)
        it(`${way.name}, under load: nothing more is acknowledged or written`, async () => {
            const service = await startService({ settings: { RATE_LIMIT_CREATE_PER_MINUTE: '0' } });
            const database = path.join(service.folder, 'session-voice.db');
            const kept = path.join(service.folder, 'kept.db'); // a second name, by which it can be looked at
            const places = { database, backup: path.join(service.folder, 'old.db'), aside: path.join(service.folder, 'aside.db') };
            const clients = await service.signedInMany(6);
            assert.equal((await service.admin('backup', places.backup)).code, 0);
            for (const suffix of ['', '-wal', '-shm']) linkSync(database + suffix, kept + suffix);
            const { acknowledged, stop } = load(clients);
            await until(() => acknowledged.length > 20, 'rooms are made', 60_000);

            way.put(places);
            const at = performance.now();
            await until(async () => (await service.get('/health')).status === 503, 'the health check sees it');
            const health = await service.get('/health');
            expect(health, 503, 'database_unavailable');
            assert.equal(health.json.ok, false);
            const fingerprint = () =>
                [database, `${database}-wal`, kept, `${kept}-wal`]
                    .filter(existsSync)
                    .map((file) => `${file} ${statSync(file).ino} ${readFileSync(file).toString('base64')}`)
                    .join('\n');
            await sleep(100); // what was under way has ended
            const still = fingerprint();
            await sleep(loadMs);
            await stop();
            const late = acknowledged.filter(({ from }) => from > at);
            assert.deepEqual(late, [], 'acknowledged afterwards');
            for (const client of clients) expect(await client.get('/credits'), 503, 'database_unavailable');

            // A fresh process: cron's, and a worker in the place of one that ended.
            assert.equal((await service.meter(['--json'])).code, 1);
            assert.equal((await service.admin('credits', 'grant', clients[0].wallet, '1')).code, 1);
            process.kill(service.workers()[0], 'SIGKILL');
            await until(() => service.workers().length === workerCount, 'the worker is back');
            assert.equal((await service.admin('doctor')).code, 1);
            assert.equal(fingerprint(), still, 'written afterwards');
            if (way.isGone) assert.equal(existsSync(database), false);
            const told = readFileSync(path.join(service.folder, 'session-voice.log'), 'utf8').split('\n').filter((line) => way.says.test(line));
            assert.equal(told.length, 1, told.join('\n'));

            if (!way.isLost) {
                const made = new Set((await rows(kept, 'SELECT room_id FROM rooms')).map(({ room_id }) => room_id));
                assert.deepEqual(acknowledged.filter(({ room_id }) => !made.has(room_id)), []);
            }
            if (way.back !== undefined) {
                way.back(places);
                ok(await service.get('/health'));
                ok(await clients[0].get('/credits'));
            }
            await service.stop();
        });

    it('is never made anew but by who is told to', async () => {
        const service = await startService();
        const database = path.join(service.folder, 'session-voice.db');
        const client = await service.signedIn();
        await client.host();
        assert.equal((await service.admin('backup', path.join(service.folder, 'old.db'))).code, 0);
        await service.stop({ keepFolder: true });
        for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix);
        const env = { ...service.env, SESSION_VOICE_CONFIG: service.config };
        const asked = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', REQUEST_URI: '/health', SCRIPT_NAME: '', PATH_INFO: '/health' };
        const cgi = () => run(path.join(build, 'session-voice'), [], { env: { ...env, ...asked } });
        const refused = await cgi();
        assert.match(refused.stdout, /^Status: 503 /);
        assert.match(refused.stderr, /session-voice\.db has been taken away\. Put it back/);
        assert.equal((await cgi()).stderr.includes('taken away'), false, 'told once a minute');
        assert.equal((await service.meter([])).code, 1);
        assert.equal((await service.admin('rooms', 'list')).code, 1);
        assert.equal(existsSync(database), false);
        const restored = await service.admin('restore', path.join(service.folder, 'old.db'), '--yes');
        assert.equal(restored.code, 0, restored.stderr);
        assert.match((await cgi()).stdout, /"ok":true/);
        for (const suffix of ['', '-wal', '-shm']) rmSync(database + suffix);
        const migrated = await service.admin('migrate');
        assert.equal(migrated.code, 0, migrated.stderr);
        assert.match((await cgi()).stdout, /"ok":true/);
        // And by whoever comes first, where there is nothing at all: a shared host needs no command for it.
        for (const name of readdirSync(service.folder).filter((each) => each.startsWith('session-voice.db')))
            rmSync(path.join(service.folder, name));
        assert.match((await cgi()).stdout, /"ok":true/);
        rmSync(service.folder, { recursive: true });
    });

    it('with a log of another file beside it is not opened', async () => {
        const service = await startService();
        const database = path.join(service.folder, 'session-voice.db');
        const client = await service.signedIn();
        const old = path.join(service.folder, 'old.db');
        assert.equal((await service.admin('backup', old)).code, 0);
        await client.host();
        await service.stop({ keepFolder: true });
        assert.ok(statSync(`${database}-wal`).size > 0);
        renameSync(old, database);
        const refused = await service.admin('audit');
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /session-voice\.db-wal belongs to another database file/);
        rmSync(`${database}-wal`);
        rmSync(`${database}-shm`);
        await service.audit();
        rmSync(service.folder, { recursive: true });
    });

    it('reached by a link shares its lock with the file', async () => {
        const service = await startService({ settings: { DATABASE_BUSY_TIMEOUT_MS: '300' } });
        const database = path.join(service.folder, 'session-voice.db');
        const link = path.join(service.folder, 'link.db');
        symlinkSync('session-voice.db', link);
        const client = await service.signedIn();
        const byLink = (...args) =>
            run(path.join(build, 'session-voice-admin'), ['--config', service.config, ...args], {
                env: { ...service.env, DATABASE_PATH: link },
            });
        // One who holds the lock of the file is waited for by who comes by the link, in vain.
        const flock = await run('flock', ['-n', `${database}-lock`, path.join(build, 'session-voice-admin'), '--config', service.config, 'credits', 'grant', client.wallet, '60'], {
            env: { ...service.env, DATABASE_PATH: link },
        });
        assert.equal(flock.code, 1);
        assert.match(flock.stderr, /another process held the write lock too long/);
        const granted = await byLink('credits', 'grant', client.wallet, '60');
        assert.equal(granted.code, 0, granted.stderr);
        assert.deepEqual(readdirSync(service.folder).filter((name) => name.startsWith('link.db')), ['link.db']);
        await service.stop();
    });

    it('a mapped file cut short is told in one line, and the service goes on', async () => {
        const service = await startService();
        const client = await service.signedIn();
        truncateSync(path.join(service.folder, 'session-voice.db-metrics'), 100);
        await client.get('/credits').catch(() => {});
        await until(async () => {
            await service.get('/health').catch(() => {});
            return /was cut short while it was mapped/.test(service.logs());
        }, 'the log says it');
        await until(() => service.workers().length === workerCount, 'the workers are back');
        for (const line of service.logs().split('\n').filter((text) => /cut short/.test(text)))
            assert.match(line, /session-voice: a file beside the database \(-metrics, -limits or -shm\) was cut short/);
        await until(async () => (await client.get('/credits').catch(() => ({}))).status === 200, 'it goes on');
        await service.stop();
    });
});
