// The operator's program beside a running service.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build, environment, expect, ok, run, sleep, startService } from './service.mjs';

const hasSqlite = spawnSync('sqlite3', ['--version']).status === 0;

describe('session-voice-admin', () => {
    let service;
    before(async () => {
        service = await startService();
    });
    after(async () => {
        await service.audit();
        await service.stop();
    });

    // The command must succeed; what it printed.
    const admin = async (...args) => {
        const { code, stdout, stderr } = await service.admin(...args);
        assert.equal(code, 0, stdout + stderr);
        return stdout;
    };
    const refused = async (...args) => {
        const { code, stdout, stderr } = await service.admin(...args);
        assert.notEqual(code, 0, stdout);
        return stdout + stderr;
    };

    it('shows an unknown wallet as empty', async () => {
        const { wallet } = service.newClient();
        const shown = await admin('credits', 'show', wallet);
        for (const line of ['remaining', 'base', 'bonus', 'adjusted', 'consumed'])
            assert.match(shown, new RegExp(`^ +${line} +0 s$`, 'm'));
    });

    it('grants and adjusts, and stops at 0', async () => {
        const client = await service.signedIn();
        const { wallet } = client;
        await admin('credits', 'grant', client.account.address, '100', '--reason', 'lost call');
        assert.equal((await client.credits()).remaining_seconds, 100);
        await admin('credits', 'adjust', wallet, '-40');
        assert.equal((await client.credits()).remaining_seconds, 60);
        assert.match(await admin('credits', 'adjust', wallet, '-1000', '--reason', 'abuse'), /-60 s, remaining 0 s/);
        const shown = await admin('credits', 'show', wallet);
        assert.match(shown, /^ +remaining +0 s$/m);
        assert.match(shown, /^ +adjusted +0 s$/m);
        const booked = [...shown.matchAll(/admin_adjust +([+-]\d+) +(\d+) *(.*)$/gm)].map((m) => [
            m[1],
            m[2],
            m[3].trim(),
        ]);
        assert.deepEqual(booked, [
            ['+100', '100', 'lost call'],
            ['-40', '60', ''],
            ['-60', '0', 'abuse'],
        ]);
        await admin('credits', 'adjust', wallet, '-5');
        assert.equal((await client.credits()).remaining_seconds, 0);
    });

    it('granted seconds can be spent', async () => {
        const client = await service.signedIn();
        await admin('credits', 'grant', client.wallet, '90');
        await client.host();
        assert.equal((await client.credits()).remaining_seconds <= 1890, true);
        ok(await client.leave());
    });

    it('refuses what makes no sense', async () => {
        const { wallet } = service.newClient();
        const calls = [
            [],
            ['credits'],
            ['credits', 'show'],
            ['credits', 'show', '0x12'],
            ['credits', 'grant', wallet],
            ['credits', 'grant', wallet, '0'],
            ['credits', 'grant', wallet, '-5'],
            ['credits', 'grant', wallet, 'many'],
            ['credits', 'grant', wallet, '99999999999999999999'],
            ['rooms', 'close', 'not-a-room'],
            ['rooms', 'close', '01234567-89ab-4def-8123-456789abcdef'],
            ['unknown'],
        ];
        for (const call of calls) assert.notEqual(await refused(...call), '', call.join(' '));
        assert.doesNotMatch(await admin('credits', 'show', wallet), /admin_adjust/);
    });

    it('lists rooms and closes one, charging everybody', async () => {
        const [host, guest, other] = await service.signedInMany(3);
        const room_id = await host.host({ visibility: 'private' });
        ok(await guest.join(room_id));
        const other_id = ok(await other.create()).room_id;
        const line = (id, text) => text.split('\n').find((row) => row.startsWith(id));
        const before = await admin('rooms', 'list');
        assert.match(line(room_id, before), new RegExp(`private +2/6 +host ${host.wallet}`));
        assert.match(line(other_id, before), new RegExp(`open +0/6 +host ${other.wallet}`));

        await sleep(1100);
        assert.match(await admin('rooms', 'close', room_id), /closed/);
        assert.match(await refused('rooms', 'close', room_id), /no such active room/);
        assert.equal(line(room_id, await admin('rooms', 'list')), undefined);
        for (const client of [host, guest]) {
            expect(await client.heartbeat(), 403, 'not_your_connection');
            const { consumed_seconds } = await client.credits();
            assert.ok(consumed_seconds >= 1 && consumed_seconds < 60);
        }
        await host.host();
        ok(await host.leave());
    });

    it('migrates once', async () => {
        assert.match(await admin('migrate'), /schema version \d+, 0 migrations applied/);
        const DATABASE_PATH = path.join(service.folder, 'fresh.db');
        const env = environment({ DATABASE_PATH });
        const migrate = () => run(path.join(build, 'session-voice-admin'), ['migrate'], { env });
        assert.match((await migrate()).stdout, /schema version (\d+), \1 migrations applied/);
        assert.match((await migrate()).stdout, /schema version \d+, 0 migrations applied/);
    });

    it('says when there is no database to work on', async () => {
        const env = environment({ DATABASE_PATH: '/nonexistent/session-voice.db' });
        for (const command of [['migrate'], ['audit'], ['rooms', 'list']]) {
            const { code, stderr } = await run(path.join(build, 'session-voice-admin'), command, { env });
            assert.equal(code, 1);
            assert.match(stderr, /^session-voice-admin: /);
        }
    });

    it('audits: 0 without a violation, 1 with one', { skip: !hasSqlite && 'sqlite3 is not installed' }, async () => {
        const client = await service.signedIn();
        await client.host();
        await sleep(1100);
        ok(await client.leave());
        await service.audit();

        const planted = [
            'UPDATE credit_accounts SET remaining_seconds = remaining_seconds + 5, ' +
                'adjusted_seconds = adjusted_seconds + 5',
            'UPDATE connections SET debited_seconds = 0 WHERE debited_seconds > 0',
            'DROP TRIGGER credit_events_no_update; UPDATE credit_events SET delta_seconds = 7 WHERE delta_seconds > 0',
            'DROP TRIGGER rooms_close_once; UPDATE rooms SET closed_at = NULL WHERE rowid = 1',
        ];
        for (const [number, sql] of planted.entries()) {
            const DATABASE_PATH = path.join(service.folder, `planted-${number}.db`);
            for (const suffix of ['', '-wal'])
                copyFileSync(path.join(service.folder, `session-voice.db${suffix}`), DATABASE_PATH + suffix);
            const plant = spawnSync('sqlite3', [DATABASE_PATH, sql], { encoding: 'utf8' });
            assert.equal(plant.status, 0, plant.stderr);
            const audit = await run(path.join(build, 'session-voice-admin'), ['audit'], {
                env: environment({ DATABASE_PATH }),
            });
            assert.equal(audit.code, 1, sql);
            assert.match(audit.stdout, /^[1-9]\d* violations$/m);
        }
    });
});
