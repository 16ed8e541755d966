// The operator's program beside a running service.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build, clockAt, environment, expect, ok, run, sleep, sqlite, startService } from './service.mjs';

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
        assert.match(await admin('rooms', 'close', room_id.toUpperCase()), /closed/);
        for (const id of [room_id, 'not-a-room']) {
            assert.match(await refused('rooms', 'close', id), /no such active room/);
            assert.equal((await refusedJson('rooms', 'close', id)).error, 'room_not_found');
        }
        assert.equal((await refusedJson('rooms', 'show', 'not-a-room')).error, 'room_not_found');
        assert.equal((await refusedJson('rooms', 'kick', 'not-a-stay')).error, 'participant_not_found');
        assert.equal(line(room_id, await admin('rooms', 'list')), undefined);
        for (const client of [host, guest]) {
            expect(await client.heartbeat(), 403, 'not_your_connection');
            const { consumed_seconds } = await client.credits();
            assert.ok(consumed_seconds >= 1 && consumed_seconds < 60);
        }
        await host.host();
        ok(await host.leave());
    });

    // The answer in JSON: one document, nothing beside it.
    const json = async (...args) => {
        const { code, stdout, stderr } = await service.admin(...args, '--json');
        assert.equal(code, 0, stdout + stderr);
        assert.equal(stderr, '');
        assert.match(stdout, /^[^\n]+\n$/);
        return JSON.parse(stdout);
    };
    // The error in JSON.
    const refusedJson = async (...args) => {
        const { code, stdout, stderr } = await service.admin(...args, '--json');
        assert.equal(code, 1, stdout + stderr);
        assert.equal(stdout, '');
        return JSON.parse(stderr);
    };
    // Everything in the database but the sweep's instant.
    const dump = (database = path.join(service.folder, 'session-voice.db')) => {
        const { status, stdout, stderr } = spawnSync('sqlite3', [database, '.dump'], { encoding: 'utf8' });
        assert.equal(status, 0, stderr);
        return stdout.replace(/^INSERT INTO sweeps .*$/m, '');
    };

    // A client who talked for some seconds: what it can be shown for.
    const talked = async () => {
        const client = await service.signedIn();
        await client.host();
        await sleep(2100);
        const { debited_seconds } = ok(await client.leave());
        return { client, debited_seconds, ...client.seat };
    };

    it('answers in JSON, with the names of the HTTP API', async () => {
        const { client, room_id, connection_id, debited_seconds } = await talked();
        const { wallet } = client;
        const credits = await client.credits();
        const account = await json('credits', 'show', wallet);
        for (const [name, value] of Object.entries(credits)) assert.equal(account[name], value, name);
        assert.deepEqual(
            account.events.map(({ kind }) => kind).filter((kind, i, all) => kind !== all[i - 1]),
            ['grant_base', 'debit_usage'],
        );
        const shown = await json('wallets', 'show', wallet);
        assert.equal(shown.remaining_seconds, credits.remaining_seconds);
        assert.deepEqual(shown.grants.map(({ kind, delta_seconds }) => [kind, delta_seconds]), [['grant_base', 1800]]);
        assert.deepEqual(shown.rooms_hosted.map((room) => [room.room_id, room.kind, room.stays]), [[room_id, 'free', 1]]);
        assert.deepEqual(
            shown.stays.map((stay) => [stay.connection_id, stay.room_id, stay.host_wallet, stay.debited_seconds]),
            [[connection_id, room_id, wallet, debited_seconds]],
        );
        assert.match(await admin('wallets', 'show', wallet), new RegExp(`connection ${connection_id} in room ${room_id}`));
        const { wallets } = await json('wallets', 'list', '--limit', '1');
        assert.deepEqual(wallets.map((each) => each.wallet), [wallet]);
        assert.match(await admin('wallets', 'list'), new RegExp(`^${wallet}  remaining +${credits.remaining_seconds} s`, 'm'));

        const host = await service.signedIn();
        const hosted = await host.host();
        const listed = (await json('rooms', 'list')).rooms.find((room) => room.room_id === hosted);
        const { rooms } = ok(await service.get('/rooms/active'));
        for (const [name, value] of Object.entries(rooms.find((room) => room.room_id === hosted)))
            assert.equal(listed[name], value, name);
        // in the same columns as what is booked
        const lines = (await admin('credits', 'show', host.wallet)).match(/^ +\S+Z .*$/gm);
        const columns = lines.map((line) => line.match(/^ +\S+  \S+ +\S+ +\d+(?=  |$)/)[0].length);
        assert.match(lines.at(-1), /  pending  /);
        assert.deepEqual(columns, columns.map(() => columns[0]), lines.join('\n'));
        assert.deepEqual(await json('rooms', 'close', hosted), { room_id: hosted, closed: true });
        assert.equal((await refusedJson('rooms', 'close', hosted)).error, 'room_not_found');
        assert.deepEqual(await json('audit'), { violations: [] });
        assert.deepEqual(await json('sessions', 'list'), { sessions: [] });
        assert.equal((await refusedJson('sessions', 'show', '42')).error, 'session_not_found');
        assert.equal((await json('migrate')).migrations_applied, 0);
        assert.equal((await json('credits', 'grant', wallet, '5')).adjusted_by_seconds, 5);
    });

    it('says in JSON too what it did not understand', async () => {
        const { wallet } = service.newClient();
        for (const call of [[], ['credits'], ['credits', 'show', '0x12'], ['credits', 'grant', wallet, '0'], ['unknown']])
            assert.equal((await refusedJson(...call)).error, 'invalid_arguments', call.join(' '));
        const env = environment({ DATABASE_PATH: '/nonexistent/session-voice.db' });
        const { code, stderr } = await run(path.join(build, 'session-voice-admin'), ['--json', 'audit'], { env });
        assert.equal(code, 1);
        assert.equal(JSON.parse(stderr).error, 'database_unavailable');
    });

    it('takes what is within its bounds, and nothing beyond', async () => {
        const { wallet } = service.newClient();
        const unknown = '01234567-89ab-4def-8123-456789abcdef';
        const refund = (seconds, reason) => ['credits', 'refund', unknown, seconds, '--reason', reason];
        const ban = (seconds) => ['ban', wallet, '--reason', 'r', '--for', seconds, '--dry-run'];
        const longest = String(100 * 366 * 86400);
        for (const call of [
            ...['1', '1000000'].map((limit) => ['wallets', 'list', '--limit', limit]),
            ...['1', '36500'].map((days) => ['credits', 'statement', wallet, '--days', days]),
            ...['1', '1000000000'].map((seconds) => ['credits', 'grant', wallet, seconds, '--dry-run']),
            ...['-1000000000', '1000000000'].map((seconds) => ['credits', 'adjust', wallet, seconds, '--dry-run']),
            ...['1', longest].map(ban),
            ...['0', '36500'].map((days) => ['prune', '--older-than-days', days, '--dry-run']),
        ])
            await json(...call);
        for (const call of [
            ...['0', '1000001', 'x'].map((limit) => ['wallets', 'list', '--limit', limit]),
            ...['0', '36501'].map((days) => ['credits', 'statement', wallet, '--days', days]),
            ...['0', '1000000001'].map((seconds) => ['credits', 'grant', wallet, seconds]),
            ...['-1000000001', '1000000001'].map((seconds) => ['credits', 'adjust', wallet, seconds]),
            ...['0', String(Number(longest) + 1)].map(ban),
            ...['-1', '36501'].map((days) => ['prune', '--older-than-days', days]),
            refund('0', 'r'),
            refund('1', ' \t'),
            ['ban', wallet, '--reason', ''],
            ['credits', 'refund', unknown, '1'],
            ['credits', 'show'],
            ['rooms', 'show'],
            ['rooms', 'kick'],
            ['sessions', 'show'],
            ['sessions', 'show', 'x'],
            ['sessions', 'show', String(2n ** 256n)],
            ['webhooks', 'show'],
            ['backup'],
            ['restore'],
            ['import'],
            ['move'],
        ])
            assert.equal((await refusedJson(...call)).error, 'invalid_arguments', call.join(' '));
        assert.equal((await refusedJson(...refund('1', 'r'))).error, 'connection_not_found');
        assert.equal((await refusedJson('sessions', 'show', String(2n ** 256n - 1n))).error, 'session_not_found');
        await json('bans', 'list');
    });

    it('says what it was told as it was told', async () => {
        const { wallet } = service.newClient();
        await admin('credits', 'grant', wallet, '5', '--reason', 'größer');
        const { code, stdout } = await service.admin('credits', 'show', wallet, '--json');
        assert.equal(code, 0);
        assert.match(stdout, /^[^\n]*"größer"[^\n]*\n$/);
    });

    it('takes the settings and the form of the answer wherever they stand', async () => {
        const program = path.join(build, 'session-voice-admin');
        const env = environment();
        for (const args of [
            ['--config', service.config, '--json', 'rooms', 'list'],
            ['rooms', '--json', 'list', '--config', service.config],
            ['rooms', 'list', '--config', service.config, '--json'],
        ]) {
            const { code, stdout, stderr } = await run(program, args, { env });
            assert.equal(code, 0, stderr);
            assert.ok(Array.isArray(JSON.parse(stdout).rooms), args.join(' '));
        }
        const help = await service.admin('rooms', 'list', '--help', '--json');
        assert.deepEqual([help.code, help.stderr], [0, '']);
        assert.match(help.stdout, /Example:\n  session-voice-admin rooms list/);
        const text = await service.admin('rooms', 'show', 'not-a-room');
        assert.deepEqual([text.code, text.stdout], [1, '']);
        assert.match(text.stderr, /^session-voice-admin: [^{]*\n$/);
    });

    it('can rehearse whatever changes something, and nothing else', async () => {
        const rehearsed = [];
        const look = async (...above) => {
            const help = await admin(...above, '--help');
            const list = help.split('Subcommands:\n')[1];
            if (list === undefined) {
                if (help.includes('--dry-run')) rehearsed.push(above.join(' '));
                return;
            }
            for (const [, name] of list.matchAll(/^  ([a-z]+) /gm)) await look(...above, name);
        };
        await look();
        assert.deepEqual(rehearsed.sort(), [
            ...['attest cancel', 'attest retry', 'backup', 'ban', 'credits adjust', 'credits grant', 'credits refund', 'import'],
            ...['migrate', 'move', 'prune', 'restore', 'rooms close', 'rooms kick', 'unban', 'webhooks resume', 'webhooks retry'],
        ]);
    });

    it('teaches by an example for every command', async () => {
        const commands = async (...above) => {
            const help = await admin(...above, '--help');
            const list = help.split('Subcommands:\n')[1];
            if (list === undefined) {
                assert.match(help, new RegExp(`^Example:\n  session-voice-admin ${above.join(' ')}( |$)`, 'm'));
                assert.match(help, /--json/);
                return 1;
            }
            const names = [...list.matchAll(/^  ([a-z]+) /gm)].map((match) => match[1]);
            const counts = await Promise.all(names.map((name) => commands(...above, name)));
            return counts.reduce((sum, count) => sum + count, 0);
        };
        assert.ok((await commands()) >= 18);
    });

    it('tells why a wallet was charged', async () => {
        const { client, room_id, connection_id, debited_seconds } = await talked();
        const statement = await json('credits', 'statement', client.wallet);
        assert.equal(statement.opening_balance_seconds, 0);
        assert.deepEqual(statement.events.map(({ kind }) => kind), ['grant_base', 'debit_usage']);
        const [, debit] = statement.events;
        assert.equal(debit.delta_seconds, -debited_seconds);
        assert.equal(debit.balance_after_seconds, 1800 - debited_seconds);
        assert.equal(debit.connection_id, connection_id);
        assert.equal(debit.stay.room_id, room_id);
        assert.equal(debit.stay.host_wallet, client.wallet);
        assert.equal(debit.stay.debited_seconds, debited_seconds);
        const stayed = (Date.parse(debit.stay.left_at) - Date.parse(debit.stay.joined_at)) / 1000;
        assert.equal(stayed, debited_seconds);
        const sum = (name) => statement.days.reduce((total, day) => total + day[name], 0);
        assert.deepEqual([sum('granted_seconds'), sum('debited_seconds')], [1800, debited_seconds]);
        assert.equal(statement.days.at(-1).balance_after_seconds, statement.remaining_seconds);
        const text = await admin('credits', 'statement', client.wallet, '--days', '2');
        assert.match(text, new RegExp(`in room ${room_id} of ${client.wallet} from .* to .*, ${debited_seconds} s charged`));
        assert.match(text, /^  \d{4}-\d\d-\d\d  granted 1800, adjusted 0, debited/m);
        await refused('credits', 'statement', client.wallet, '--days', '0');
    });

    it('gives back what a stay took, and no more', async () => {
        const { client, connection_id, debited_seconds } = await talked();
        const refund = ['credits', 'refund', connection_id];
        await refused(...refund, '1'); // no reason
        await refused(...refund, '0', '--reason', 'r');
        const unknown = '01234567-89ab-4def-8123-456789abcdef';
        assert.equal((await refusedJson('credits', 'refund', unknown, '1', '--reason', 'r')).error, 'connection_not_found');
        const { refunded_seconds, remaining_seconds } = await json(...refund, '1', '--reason', 'no sound');
        assert.deepEqual([refunded_seconds, remaining_seconds], [1, 1800 - debited_seconds + 1]);
        const refusal = await refusedJson(...refund, String(debited_seconds), '--reason', 'r');
        assert.equal(refusal.error, 'refund_exceeds_debits');
        assert.deepEqual([refusal.debited_seconds, refusal.refunded_seconds], [debited_seconds, 1]);
        await admin(...refund, String(debited_seconds - 1), '--reason', 'the rest');
        const { consumed_seconds } = await client.credits();
        assert.equal(consumed_seconds, 0);
        assert.match(await admin('credits', 'show', client.wallet), new RegExp(`refund_usage +\\+1 +\\d+  ${connection_id}  no sound$`, 'm'));
    });

    it('changes nothing in a dry run', { skip: !hasSqlite && 'sqlite3 is not installed' }, async () => {
        const { client, connection_id } = await talked();
        const { wallet } = client;
        const host = await service.signedIn();
        const room_id = await host.host();
        const file = path.join(service.folder, 'dry.db');
        const saved = path.join(service.folder, 'saved.db');
        await admin('backup', saved);
        const before = dump();
        const files = readdirSync(service.folder).sort();
        for (const [call, name, value] of [
            [['credits', 'grant', wallet, '50'], 'adjusted_by_seconds', 50],
            [['credits', 'adjust', wallet, '-9999'], 'remaining_seconds', 0],
            [['credits', 'refund', connection_id, '1', '--reason', 'r'], 'refunded_seconds', 1],
            [['rooms', 'close', room_id], 'closed', true],
            [['prune', '--older-than-days', '0'], 'rooms_deleted', 0],
            [['backup', file], 'file', file],
            [['restore', saved], 'file', saved],
            [['migrate'], 'migrations_applied', 0],
        ]) {
            const said = await json(...call, '--dry-run');
            assert.equal(said.dry_run, true);
            assert.equal(said[name], value, call.join(' '));
            assert.match(await admin(...call, '--dry-run'), /^a dry run, nothing is changed/);
            assert.equal(dump(), before, call.join(' '));
            assert.deepEqual(readdirSync(service.folder).sort(), files, call.join(' '));
        }
        // What would be refused is refused.
        assert.equal((await refusedJson('credits', 'refund', connection_id, '999', '--reason', 'r', '--dry-run')).error, 'refund_exceeds_debits');
        assert.equal((await refusedJson('backup', saved, '--dry-run')).error, 'file_exists');
        const env = environment({ DATABASE_PATH: path.join(service.folder, 'none.db') });
        const fresh = await run(path.join(build, 'session-voice-admin'), ['migrate', '--dry-run'], { env });
        assert.match(fresh.stdout, /schema version (\d+), \1 migrations applied/);
        assert.deepEqual(readdirSync(service.folder).sort(), files);
        ok(await host.leave());
        rmSync(saved);
    });

    it('brings the accounts of the first service along, once', async () => {
        const [rich, own] = [await service.signedIn(), await service.signedIn()];
        await admin('credits', 'grant', own.wallet, '5');
        const file = path.join(service.folder, 'first-service.sql');
        const row = (wallet, ...seconds) => `INSERT INTO "credit_accounts" VALUES('${wallet}',${seconds},'2025-11-02 10:00:00');\n`;
        writeFileSync(
            file,
            'PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE credit_accounts (wallet TEXT PRIMARY KEY, base_granted_seconds INTEGER, ' +
                'bonus_granted_seconds INTEGER, consumed_seconds INTEGER, updated_at TEXT);\n' +
                row(rich.account.address, 1800, 1800, 700) + row(own.wallet, 1800, 0, 0) + row('\x1b[31malice', 1800, 0, 0),
        );
        const dry = await json('import', file, '--dry-run');
        assert.equal((await rich.credits()).remaining_seconds, 0);
        const { dry_run, ...rehearsed } = dry;
        assert.equal(dry_run, true);
        assert.deepEqual(await json('import', file), rehearsed);
        assert.deepEqual([rehearsed.wallets_imported, rehearsed.remaining_seconds, rehearsed.notes], [1, 2900, []]);
        assert.deepEqual(rehearsed.not_imported, [
            { wallet: '?[31malice', reason: 'is no wallet: 0x and 40 hex digits' },
            { wallet: own.wallet, reason: 'has credit of its own here' },
        ]);
        const { remaining_seconds, consumed_seconds } = await rich.credits();
        assert.deepEqual([remaining_seconds, consumed_seconds], [2900, 700]);
        assert.match(await admin('import', file), /0 wallets brought along .* 1 were here already/);
        assert.match(await admin('credits', 'show', rich.wallet), /imported/);
        assert.match(await admin('wallets', 'show', rich.wallet), /700/);
        assert.match(await refused('import', service.config), /no dump of SQLite/);
        assert.equal((await refusedJson('import', path.join(service.folder, 'none'))).error, 'cannot_read');
        assert.equal((await rich.credits()).remaining_seconds, 2900);
    });

    it('prunes beside the service', async () => {
        const { client } = await talked();
        const before = await json('credits', 'statement', client.wallet);
        const pruned = await json('prune', '--older-than-days', '0', '--vacuum');
        assert.equal(pruned.free_bytes, 0);
        for (const name of ['events_merged', 'rooms_deleted', 'connections_deleted', 'nonces_purged'])
            assert.equal(pruned[name], 0, name); // all of it is of today
        assert.deepEqual(await json('credits', 'statement', client.wallet), before);
        assert.match(await admin('prune'), /^of what is older than \d{4}-\d\d-\d\dT00:00:00.000Z: /);
        await refused('prune', '--older-than-days', '-1');
        await service.audit();
    });

    // A copy of the database as it is now.
    const copied = async (name) => {
        const file = path.join(service.folder, name);
        await admin('backup', file);
        return file;
    };
    const daySeconds = 24 * 3600;
    // What a command on such a copy answers some time later.
    const later = async (file, seconds, ...args) => {
        const env = { ...service.env, DATABASE_PATH: file, ...clockAt(Math.floor(Date.now() / 1000) + seconds) };
        const program = path.join(build, 'session-voice-admin');
        const { code, stdout, stderr } = await run(program, ['--config', service.config, ...args, '--json'], { env });
        assert.equal(code, 0, stdout + stderr);
        return JSON.parse(stdout);
    };

    it('prunes what is as old as it is told, and in a dry run nothing', { skip: !hasSqlite && 'sqlite3 is not installed' }, async () => {
        const client = await service.signedIn();
        await client.host();
        for (let renewals = 0; renewals < 2; renewals += 1) {
            await sleep(1100);
            ok(await client.renew());
        }
        ok(await client.leave());
        const host = await service.signedIn();
        await admin('rooms', 'close', ok(await host.create()).room_id); // in which nobody was charged
        const file = await copied('old.db');
        const prune = (...args) => later(file, 40 * daySeconds, 'prune', ...args);
        await prune('--older-than-days', '40'); // ends what has lapsed since
        await sqlite(file, "INSERT INTO spent_nonces SELECT printf('%064d', value), 7 FROM generate_series(1, 2500)");
        const before = dump(file);
        const count = async (table) => Number(await sqlite(file, `SELECT count(*) FROM ${table}`));
        const [events, rooms, nonces] = [await count('credit_events'), await count('rooms'), await count('spent_nonces')];
        const vacuums = () => sqlite(file, 'PRAGMA schema_version'); // which VACUUM counts up
        const schemaVersion = await vacuums();

        const done = ({ events_merged, rooms_deleted, nonces_purged }) => [events_merged, rooms_deleted, nonces_purged];
        const young = await prune('--older-than-days', '40', '--dry-run');
        assert.deepEqual(done(young), [0, 0, nonces]);
        const rehearsed = await prune('--older-than-days', '39', '--vacuum', '--dry-run');
        const [merged, deleted] = done(rehearsed);
        assert.ok(merged > 0 && deleted > 0, JSON.stringify(rehearsed));
        assert.equal(rehearsed.nonces_purged, nonces);
        assert.equal(dump(file), before);
        assert.equal(await vacuums(), schemaVersion);

        const pruned = await prune('--older-than-days', '39');
        assert.deepEqual(done(pruned), done(rehearsed));
        assert.deepEqual([await count('credit_events'), await count('rooms'), await count('spent_nonces')], [events - merged, rooms - deleted, 0]);
        assert.ok(pruned.free_bytes > 0);
        assert.equal(await vacuums(), schemaVersion);
        const vacuumed = await prune('--older-than-days', '39', '--vacuum');
        assert.deepEqual(done(vacuumed), [0, 0, 0]);
        assert.equal(vacuumed.free_bytes, 0);
        assert.ok(vacuumed.size_bytes_after < vacuumed.size_bytes_before, JSON.stringify(vacuumed));
        assert.deepEqual(await later(file, 40 * daySeconds, 'audit'), { violations: [] });
    });

    it('charges a stay that is over before it adjusts or refunds', async () => {
        const client = await service.signedIn();
        const { wallet } = client;
        const room_id = await client.host();
        const { connection_id } = client.seat;
        const [toAdjust, toRefund, toShow] = [await copied('adjust.db'), await copied('refund.db'), await copied('show.db')];
        ok(await client.leave());
        const life = 90;
        const adjusted = await later(toAdjust, 200, 'credits', 'adjust', wallet, '-99999');
        assert.deepEqual(adjusted, { wallet, adjusted_by_seconds: life - 1800, remaining_seconds: 0 });
        const refunded = await later(toRefund, 200, 'credits', 'refund', connection_id, String(life), '--reason', 'no sound');
        assert.deepEqual([refunded.remaining_seconds, refunded.consumed_seconds], [1800, 0]);
        const whileOpen = await later(toShow, 40, 'wallets', 'show', wallet);
        assert.ok(whileOpen.consumed_seconds >= 40);
        assert.deepEqual(whileOpen.stays.map((stay) => stay.debited_seconds), [whileOpen.consumed_seconds]);
        const states = async (seconds) => (await later(toShow, seconds, 'rooms', 'show', room_id)).connections.map(({ state }) => state);
        assert.deepEqual(await states(0), ['present']);
        assert.deepEqual(await states(200), ['lapsed']);
        assert.equal((await later(toShow, 200, 'credits', 'show', wallet)).consumed_seconds, life);
    });

    it('states as many days as it is asked for', async () => {
        const { client } = await talked();
        const file = await copied('days.db');
        const statement = (days) => later(file, 2 * daySeconds, 'credits', 'statement', client.wallet, '--days', String(days));
        const { events, days, opening_balance_seconds, remaining_seconds } = await statement(3);
        assert.equal(opening_balance_seconds, 0);
        assert.ok(events.length >= 2 && days.length === 1);
        assert.deepEqual(await statement(2), { wallet: client.wallet, opening_balance_seconds: remaining_seconds, remaining_seconds, pending: null, events: [], days: [] });
    });

    it('says of a session why nothing will be attested', { skip: !hasSqlite && 'sqlite3 is not installed' }, async () => {
        const file = await copied('sessions.db');
        const party = `'0x${'a'.repeat(40)}'`;
        for (const [booking, concluded] of [[41, 'NULL'], [42, "'window missed'"]])
            await sqlite(
                file,
                `INSERT INTO rooms (room_id, kind, host_wallet, visibility, ai_enabled, capacity, created_at)
                 VALUES ('00000000-0000-4000-8000-0000000000${booking}', 'booked', ${party}, 'private', 0, 2, 1);
                 INSERT INTO sessions (booking_id, room_id, host_wallet, guest_wallet, start_at, ends_at, grace_seconds,
                                       min_overlap_seconds, looked_up_at, concluded)
                 VALUES ('${booking}', '00000000-0000-4000-8000-0000000000${booking}', ${party}, ${party}, 1, 61, 0, 60, 1,
                         ${concluded})`,
            );
        const show = (booking) => later(file, 0, 'sessions', 'show', String(booking));
        assert.equal((await show(41)).concluded, undefined);
        assert.equal((await show(42)).concluded, 'window missed');
        const { sessions } = await later(file, 0, 'sessions', 'list');
        assert.deepEqual(sessions.map(({ concluded }) => concluded).sort(), ['window missed', null].sort());
    });

    it('looks at the file itself when it audits', { skip: !hasSqlite && 'sqlite3 is not installed' }, async () => {
        const file = await copied('damaged.db');
        // An index that says something else than its table.
        await sqlite(
            file,
            '.dbconfig defensive off', // as the shell is by itself in newer versions
            `PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, '(expires_at)', '(nonce)') WHERE name = 'spent_nonces_by_expiry'`,
        );
        const env = { ...service.env, DATABASE_PATH: file };
        const { code, stdout } = await run(path.join(build, 'session-voice-admin'), ['--config', service.config, 'audit'], { env });
        assert.equal(code, 1, stdout);
        assert.match(stdout, /^integrity_check: /m);
    });

    it('backs up and restores beside the service', async () => {
        const client = await service.signedIn();
        await admin('credits', 'grant', client.wallet, '100');
        const file = path.join(service.folder, 'backup.db');
        const saved = await json('backup', file);
        assert.equal(saved.size_bytes, statSync(file).size);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.equal((await refusedJson('backup', file)).error, 'file_exists');

        await admin('credits', 'grant', client.wallet, '23');
        const host = await service.signedIn();
        await host.host();
        assert.equal((await client.credits()).remaining_seconds, 123);
        const refusal = await refusedJson('restore', file);
        assert.equal(refusal.error, 'not_confirmed');
        assert.match(refusal.message, /--yes/);
        assert.equal((await client.credits()).remaining_seconds, 123);

        const { replaces, restores } = await json('restore', file, '--yes');
        assert.ok(replaces.events > restores.events);
        // The same workers go on with what was restored.
        assert.equal((await client.credits()).remaining_seconds, 100);
        expect(await host.heartbeat(), 403, 'not_your_connection');
        await host.host();
        ok(await host.leave());
        await service.audit();
        for (const suffix of ['.partial', '-wal', '-lock']) assert.equal(existsSync(file + suffix), false);
        assert.equal((await refusedJson('restore', service.config, '--yes')).error, 'not_a_backup');
        assert.equal((await refusedJson('restore', path.join(service.folder, 'none'), '--yes')).error, 'not_a_backup');
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
