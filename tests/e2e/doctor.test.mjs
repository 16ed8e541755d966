// The operator's look at an installation: everything in order, and each thing that can be wrong.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { zeroAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { makeMachine, Postgres } from './cluster.mjs';
import { Anvil, FakeNode, chainId, hang, json, passTo } from './node.mjs';
import { secret } from './outbox.mjs';
import { build, clockAt, environment, ok, root, run, sqlite, startService, temporaryFolder } from './service.mjs';

const oracleKey = `0x${'7'.repeat(64)}`;
const oracle = privateKeyToAccount(oracleKey).address.toLowerCase();
const unused = '0x00000000000000000000000000000000000000aa';

describe('doctor', () => {
    let anvil;
    let service;
    let settings;
    before(async () => {
        anvil = await Anvil.start();
        const registry = await anvil.deploy('MockRegistry');
        const escrow = await anvil.deploy('MockEscrow', [zeroAddress]);
        await anvil.client.setBalance({ address: oracle, value: 5n });
        settings = {
            ENVIRONMENT: 'production',
            CHAIN_MODE: 'rpc',
            CHAIN_ID: String(chainId),
            RPC_URL: anvil.url,
            RPC_TIMEOUT_MS: '1000',
            REGISTRY_ADDRESS: registry.address,
            VERIFICATION_MIRROR_ADDRESS: registry.address,
            ESCROW_ADDRESS: escrow.address,
            ORACLE_PRIVATE_KEY: oracleKey,
        };
        service = await startService({ settings });
        await service.sweep();
    });
    after(async () => {
        await service?.stop();
        await anvil?.stop();
    });

    // What it says with some settings changed: [exit status, lines that fail, lines that warn, everything].
    async function doctor(changed = {}, ...args) {
        const program = path.join(build, 'session-voice-admin');
        const { config = service.config, ...settings } = changed;
        await anvil.request('evm_mine'); // no block is too old, however long this takes
        const { code, stdout, stderr } = await run(program, ['--config', config, 'doctor', ...args], {
            env: { ...service.env, ...settings },
        });
        assert.equal(stderr.replace(/^\S+ session-voice: (goes on without \S+, which cannot be mapped|the node answered \w+ with code -32000): .*\n/gm, ''), '');
        assert.doesNotMatch(stdout, new RegExp(oracleKey.slice(2)));
        const lines = (level) =>
            stdout
                .split('\n')
                .filter((line) => line.startsWith(level))
                .map((line) => line.slice(6));
        for (const line of stdout.split('\n').filter((text) => /^(warn|FAIL)/.test(text)))
            assert.match(stdout.slice(stdout.indexOf(line) + line.length), /^\n(  .*\n)*      -> \S/, 'what to do about it');
        return { code, stdout, failures: lines('FAIL'), warnings: lines('warn'), oks: lines('ok') };
    }

    async function fails(changed, pattern, ...args) {
        const { code, failures, stdout } = await doctor(changed, ...args);
        assert.equal(code, 1, stdout);
        assert.equal(failures.length, 1, stdout);
        assert.match(failures[0], pattern);
    }

    // A kernel that says something else than this one: settings of other_kernel.cpp.
    let library;
    before(async () => {
        library = path.join(temporaryFolder(), 'other_kernel.so');
        const source = path.join(root, 'tests/e2e/other_kernel.cpp');
        const { code, stderr } = await run('g++', ['-shared', '-fPIC', '-o', library, source]);
        assert.equal(code, 0, stderr);
    });
    const onKernel = (settings) => ({ ...settings, LD_PRELOAD: library, ASAN_OPTIONS: 'verify_asan_link_order=0' });
    const synchronised = () => onKernel({ OTHER_CLOCK: '0' });
    const unsynchronised = () => onKernel({ OTHER_CLOCK: '5' });
    const user = os.userInfo().username;

    // Everything that it says, with what changes by itself as N.
    const everything = async (changed) => (await doctor({ ...synchronised(), ...changed })).stdout.replace(/\d+ s ago/, 'N s ago').trimEnd().split('\n');
    const newest = async () => (await sqlite(path.join(service.folder, 'session-voice.db'), 'PRAGMA user_version'));

    const beginning = async () => {
        const version = await sqlite(':memory:', 'SELECT sqlite_version()');
        const [major, minor, patch] = version.split('.').map(Number);
        const isFixed = major * 1e6 + minor * 1e3 + patch >= 3051003;
        const defect = ' has the checkpoint defect (fixed in 3.51.3); these programs work around it, the sqlite3 shell does not: only read with it';
        return [
            `ok    the settings are complete, the Agora credentials have their form (${service.config})`,
            'ok    a name that is passed on brings its next owner the base grant, too; BASE_GRANT_PER_NAME=1 would change that',
            `ok    SQLite ${version}${isFixed ? '' : defect}`,
            'ok    the clock is synchronised',
            `ok    user ${user} can use the database; the web server's workers and cron must be that user`,
            'ok    SIGN_IN_DOMAINS is not set; a signed message must name the Host of its request',
        ];
    };
    const ofDatabase = async () => [
        `ok    the schema is of version ${await newest()} of ${await newest()}`,
        'ok    the last sweep was N s ago',
        'ok    WEBHOOK_URL is not set: there are no webhooks',
        'ok    AGORA_CUSTOMER_ID is not set: who is removed from a room can use their Agora token to its end',
    ];

    it('finds nothing wrong where nothing is', async () => {
        const { code, stdout } = await doctor();
        assert.equal(code, 0, stdout);
        assert.deepEqual(await everything({}), [
            ...(await beginning()),
            ...(await ofDatabase()),
            'ok    the node answers',
            `ok    its chain is ${chainId}`,
            "ok    the clock agrees with the chain's",
            'ok    the registry answers',
            'ok    the verification mirror answers',
            'ok    the escrow answers',
            'ok    wallets that are contracts can be asked',
            `ok    the oracle ${oracle} holds 5 wei`,
            '0 failed, 0 warnings',
        ]);
        const once = await doctor({ BASE_GRANT_PER_NAME: '1' });
        assert.ok(once.oks.includes('a name brings the base grant once'), once.stdout);
    });

    it('says what is only for development', async () => {
        const [settings, name, ...more] = await beginning();
        assert.deepEqual(await everything({ ENVIRONMENT: 'development', CHAIN_MODE: 'mock' }), [
            ...[settings, name],
            'warn  ENVIRONMENT is development',
            '      -> set ENVIRONMENT=production before anybody depends on it',
            ...more,
            ...(await ofDatabase()),
            'warn  the chain is a mock',
            '      -> set CHAIN_MODE=rpc before anybody depends on it',
            '0 failed, 2 warnings',
        ]);
    });

    it('says what is switched off', async () => {
        const config = path.join(temporaryFolder(), 'keyless.env');
        writeFileSync(config, readFileSync(service.config, 'utf8').replace(/^ORACLE_PRIVATE_KEY=.*$/m, ''), { mode: 0o600 });
        const off = { config, REGISTRY_ADDRESS: zeroAddress, VERIFICATION_MIRROR_ADDRESS: zeroAddress, ORACLE_PRIVATE_KEY: '' };
        for (const escrow of [zeroAddress, '']) {
            const said = await everything({ ...off, ESCROW_ADDRESS: escrow });
            assert.deepEqual(said.slice(said.indexOf("ok    the clock agrees with the chain's") + 1), [
                'ok    there is no registry: nobody has a .heaven name',
                'ok    there is no verification mirror: nobody is verified',
                'ok    no escrow is set: booked sessions are switched off',
                'ok    wallets that are contracts can be asked',
                'ok    no oracle key is set: nothing is attested from here',
                '0 failed, 0 warnings',
            ]);
        }
    });

    it('sees a clock that nobody synchronises', async () => {
        const { warnings } = await doctor(unsynchronised());
        assert.deepEqual(warnings, ['the kernel does not know of a synchronised clock']);
    });

    it('sees a file system whose locks cannot be trusted', async () => {
        const network = ['FAIL  the database is on a network file system, whose locks cannot be trusted'];
        for (const [type, said] of [
            ['6969', network],
            ['517b', network],
            ['fe534d42', network],
            ['ff534d42', network],
            ['65735546', ['warn  the database is on a FUSE file system']],
            ['ef53', []],
        ])
            assert.deepEqual((await everything(onKernel({ OTHER_CLOCK: '0', OTHER_FILE_SYSTEM: type }))).filter((line) => line.includes('file system')), said, type);
    });

    it('says the same in JSON', async () => {
        const { stdout, oks, failures, warnings } = await doctor();
        const json = await doctor({}, '--json');
        assert.equal(json.code, 0, json.stdout);
        const { findings, ...counts } = JSON.parse(json.stdout);
        assert.deepEqual(counts, { failed: failures.length, warnings: warnings.length });
        const what = (level) => findings.filter((found) => found.level === level).map((found) => found.what);
        assert.equal(what('ok').length, oks.length, stdout);
        assert.deepEqual(what('warn'), warnings);
        assert.deepEqual(what('fail'), []);
        const elsewhere = path.join(temporaryFolder(), 'größe', 'voice.db');
        assert.match((await doctor({ DATABASE_PATH: elsewhere }, '--json')).stdout, /^[^\n]*größe[^\n]*\n$/);
        const broken = await doctor({ JWT_SECRET: 'short' }, '--json');
        assert.equal(broken.code, 1);
        const failure = JSON.parse(broken.stdout).findings.find(({ level }) => level === 'fail');
        assert.match(failure.what, /JWT_SECRET/);
        assert.match(failure.advice, /settings/);
    });

    it('names the setting that is missing or wrong', async () => {
        await fails({ JWT_SECRET: 'short' }, /JWT_SECRET must be/);
        await fails({ AGORA_APP_CERTIFICATE: 'none' }, /AGORA_APP_CERTIFICATE must be 32 hex digits/);
        const folder = temporaryFolder();
        const empty = path.join(folder, 'empty.env');
        writeFileSync(empty, '');
        const program = path.join(build, 'session-voice-admin');
        const { code, stdout } = await run(program, ['--config', empty, 'doctor'], { env: environment() });
        assert.equal(code, 1);
        for (const name of [
            'DATABASE_PATH',
            'JWT_SECRET',
            'AGORA_APP_ID',
            'AGORA_APP_CERTIFICATE',
            'RPC_URL',
            'REGISTRY_ADDRESS',
            'VERIFICATION_MIRROR_ADDRESS',
        ])
            assert.match(stdout, new RegExp(`^FAIL  ${name} is not set`, 'm'));
    });

    const isInstalled = [path.join(os.userInfo().homedir, 'session-voice.env'), '/etc/session-voice/session-voice.env'].some((file) => existsSync(file));
    it('does without a settings file', { skip: isInstalled && 'there is one' }, async () => {
        const { stdout } = await run(path.join(build, 'session-voice-admin'), ['doctor'], { env: environment() });
        assert.match(stdout, /^warn {2}no settings file\n {6}-> name one by --config or SESSION_VOICE_CONFIG/);
    });

    it('looks at what can be looked at without the secrets', async () => {
        const folder = temporaryFolder();
        const little = path.join(folder, 'little.env');
        writeFileSync(little, `DATABASE_PATH=${folder}/voice.db\nREGISTRY_ADDRESS=${unused}\nVERIFICATION_MIRROR_ADDRESS=${unused}\n`, { mode: 0o600 });
        const program = path.join(build, 'session-voice-admin');
        const { stdout } = await run(program, ['--config', little, 'doctor'], { env: { ...environment(), ...synchronised() } });
        const lines = stdout.split('\n').filter((line) => /^(FAIL|warn)/.test(line)).map((line) => line.replace(/ (is not set|yet).*/, ''));
        assert.deepEqual(lines, [
            ...['JWT_SECRET', 'AGORA_APP_ID', 'AGORA_APP_CERTIFICATE', 'RPC_URL'].map((name) => `FAIL  ${name}`),
            ...(stdout.includes('ENVIRONMENT is development') ? ['warn  ENVIRONMENT is development'] : []),
            'warn  there is no database',
        ]);
        assert.equal(existsSync(path.join(folder, 'voice.db')), false);
    });

    it('knows who can read the secrets and write the database', async () => {
        chmodSync(service.config, 0o644);
        await fails({}, /^everybody on this machine can read the secrets/);
        chmodSync(service.config, 0o600);
        await fails({}, /^user nobody cannot write /, '--user', 'nobody');
        await fails({}, /^there is no user nosuchuser$/, '--user', 'nosuchuser');
        if (process.getuid() === 0) {
            const folder = temporaryFolder();
            chownSync(folder, 65534, 65534);
            const { stdout } = await doctor({ DATABASE_PATH: path.join(folder, 'new.db') });
            assert.match(stdout, /^ok {4}user nobody can use the database/m);
            assert.match(stdout, /^warn {2}there is no database yet/m);
        }
    });

    it('decides as the kernel does who can use the database', { skip: process.getuid() !== 0 && 'needs root' }, async () => {
        const [nobody, group] = [65534, 65534]; // user nobody, of the group nogroup
        // The database's folder and it, or none: owner, group, mode. What user nobody cannot write.
        for (const [folderOwner, folderGroup, folderMode, file, refused] of [
            [nobody, 0, 0o300, undefined, undefined],
            [nobody, 0, 0o200, undefined, ''],
            [nobody, 0, 0o100, undefined, ''],
            [nobody, 0, 0o477, undefined, ''],
            [0, group, 0o030, undefined, undefined],
            [0, group, 0o020, undefined, ''],
            [0, group, 0o747, undefined, ''],
            [0, group, 0o703, undefined, ''],
            [0, 0, 0o003, undefined, undefined],
            [0, 0, 0o002, undefined, ''],
            [0, 0, 0o774, undefined, ''],
            [0, 0, 0o777, [nobody, 0, 0o600], undefined],
            [0, 0, 0o777, [nobody, 0, 0o400], '/voice.db'],
            [0, 0, 0o777, [nobody, 0, 0o200], '/voice.db'],
            [0, 0, 0o777, [nobody, 0, 0o166], '/voice.db'],
            [0, 0, 0o777, [0, group, 0o060], undefined],
            [0, 0, 0o777, [0, group, 0o606], '/voice.db'],
            [0, 0, 0o777, [0, 0, 0o006], undefined],
            [0, 0, 0o777, [0, 0, 0o664], '/voice.db'],
            [0, 0, 0o770, [0, 0, 0o666], ''],
            [0, 0, 0o777, [0, 0, 0o666, '-lock'], '/voice.db-lock'],
        ]) {
            const folder = path.join(temporaryFolder(), 'state');
            const database = path.join(folder, 'voice.db');
            chmodSync(path.dirname(folder), 0o755);
            mkdirSync(folder);
            if (file !== undefined) {
                writeFileSync(database, '');
                chownSync(database, file[0], file[1]);
                chmodSync(database, file[2]);
            }
            if (file?.[3] !== undefined) writeFileSync(`${database}${file[3]}`, '', { mode: 0o600 });
            chownSync(folder, folderOwner, folderGroup);
            chmodSync(folder, folderMode);
            const { stdout } = await doctor({ DATABASE_PATH: database }, '--user', 'nobody');
            const said = stdout.split('\n').filter((line) => line.includes('user nobody'));
            const what = JSON.stringify([folderOwner, folderGroup, folderMode.toString(8), file]);
            const expected = refused === undefined ? /^ok {4}user nobody can use the database/ : new RegExp(`^FAIL {2}user nobody cannot write ${folder}${refused}$`);
            assert.match(said.at(-1), expected, what);
        }
        const closed = temporaryFolder();
        const theirs = path.join(closed, 'voice.db');
        writeFileSync(theirs, '');
        chownSync(theirs, nobody, group);
        chmodSync(theirs, 0);
        const { oks, warnings } = await doctor({ ...synchronised(), DATABASE_PATH: theirs }, '--user', 'root');
        assert.ok(oks.some((line) => line.startsWith('user root can use the database')), 'root may everything');
        assert.ok(!warnings.some((line) => line.includes('another user')), warnings.join('\n'));
    });

    it('sees that the folder is not there', async () => {
        const folder = path.join(temporaryFolder(), 'none');
        await fails({ ENVIRONMENT: 'development', CHAIN_MODE: 'mock', DATABASE_PATH: path.join(folder, 'voice.db') }, new RegExp(`^the database's folder ${folder}: No such file or directory$`));
    });

    it('warns of a database that is not there yet, and makes none', async () => {
        const file = path.join(temporaryFolder(), 'new.db');
        const { warnings, failures } = await doctor({ ...synchronised(), DATABASE_PATH: file });
        assert.deepEqual([warnings, failures], [['there is no database yet'], []]);
        assert.equal(existsSync(file), false);
    });

    it('sees that the database cannot be used', async () => {
        const file = await copied();
        rmSync(file);
        await fails({ DATABASE_PATH: file }, /^the database: .*copy\.db/);
        assert.equal(existsSync(file), false, 'none is made in its place');
        const garbage = path.join(temporaryFolder(), 'garbage.db');
        writeFileSync(garbage, 'not a database, '.repeat(1000), { mode: 0o600 });
        await fails({ DATABASE_PATH: garbage }, /^the database: /);
    });

    // A copy of the database, with the files beside it that a program leaves.
    async function copied() {
        const file = path.join(temporaryFolder(), 'copy.db');
        for (const args of [['backup', file], ['migrate']]) {
            const env = { ...service.env, ...(args.length === 1 ? { DATABASE_PATH: file } : {}) };
            const { code, stderr } = await run(path.join(build, 'session-voice-admin'), ['--config', service.config, ...args], { env });
            assert.equal(code, 0, stderr);
        }
        return file;
    }

    it('sees whose the files are, and who else can read them', async () => {
        const file = await copied();
        const warned = async (pattern) => (await doctor({ DATABASE_PATH: file })).warnings.filter((line) => pattern.test(line)).length;
        for (const [mode, warnings] of [[0o660, 0], [0o644, 1], [0o662, 1], [0o600, 0]]) {
            chmodSync(file, mode);
            assert.equal(await warned(/^everybody on this machine can read .*copy\.db$/), warnings, mode.toString(8));
        }
        const other = (suffix) => new RegExp(`^\\S*copy\\.db${suffix} belongs to another user than the database$`);
        assert.equal(await warned(other('-lock')), 0);
        if (process.getuid() === 0) {
            for (const suffix of ['-lock', '-metrics', '-limits', '-rpc-slots']) {
                writeFileSync(`${file}${suffix}`, '', { flag: 'a' });
                chownSync(`${file}${suffix}`, 65534, 65534);
                assert.equal(await warned(other(suffix)), 1, suffix);
            }
        }
    });

    const mayMount = process.getuid() === 0 && existsSync('/dev/fuse');
    it('sees a file system whose locks may be others', { skip: !mayMount && 'needs root and FUSE' }, async (t) => {
        const file = await copied();
        const other = path.join(temporaryFolder(), 'mounted');
        mkdirSync(other);
        const isOnFuse = async (place) => {
            const { warnings } = await doctor({ DATABASE_PATH: path.join(place, path.basename(file)) });
            return warnings.includes('the database is on a FUSE file system');
        };
        const { code, stderr } = await run('bindfs', [path.dirname(file), other]);
        if (/mount failed|Operation not permitted/.test(stderr)) return t.skip(stderr); // in a container, for example
        assert.equal(code, 0, stderr);
        try {
            assert.equal(await isOnFuse(other), true);
            assert.equal(await isOnFuse(path.dirname(file)), false);
        } finally {
            await run('umount', [other]);
        }
    });

    it('sees what a killed command left, and that the lock is gone', async () => {
        const file = await copied();
        const { warnings: none } = await doctor({ DATABASE_PATH: file });
        assert.ok(!none.some((line) => /there is /.test(line)), none.join('\n'));
        for (const kind of ['restore', 'rehearsal']) writeFileSync(`${file}-${kind}-Ab12Cd`, '');
        rmSync(`${file}-lock`);
        writeFileSync(`${file}-wal`, '');
        const { warnings } = await doctor({ DATABASE_PATH: file });
        const about = (pattern) => warnings.filter((line) => pattern.test(line)).length;
        assert.equal(about(/^there is \S*copy\.db-restore-Ab12Cd, as a command leaves it that was killed$/), 1, warnings.join('\n'));
        assert.equal(about(/^there is \S*copy\.db-rehearsal-Ab12Cd, /), 1);
        assert.equal(about(/^there is no \S*copy\.db-lock$/), 1);
    });

    it('sees an attestation that is not confirmed for an hour', async () => {
        const file = await copied();
        const now = Math.floor(Date.now() / 1000);
        for (const [booking, age] of [[41, 3600], [42, 3601]])
            await sqlite(
                file,
                `INSERT INTO attestations (booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, guest_left_at,
                                           overlap_seconds, metrics_hash, decided_at, chain_id, oracle, nonce, state)
                 VALUES ('${booking}', 1, 0, 0, 0, 0, 0, '${'a'.repeat(64)}', ${now - age}, ${chainId}, '${oracle}', ${booking},
                         'submitted')`,
            );
        const { warnings } = await doctor({ ...clockAt(now), DATABASE_PATH: file });
        const unconfirmed = warnings.filter((line) => /is only submitted since/.test(line));
        assert.equal(unconfirmed.length, 1, unconfirmed.join('\n'));
        assert.match(unconfirmed[0], /^the attestation of booking 42 /);
    });

    it('sees that the chain has forgotten what was confirmed', async () => {
        const file = await copied();
        await sqlite(
            file,
            `INSERT INTO attestations (booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, guest_left_at,
                                       overlap_seconds, metrics_hash, decided_at, chain_id, oracle, nonce, state, mined_hash, settled_at)
             VALUES ('43', 1, 0, 0, 0, 0, 0, '${'a'.repeat(64)}', 1, ${chainId}, '${oracle}', 1, 'confirmed', '0x${'b'.repeat(64)}', 2)`,
        );
        const node = await FakeNode.start();
        for (const [mined, warned] of [[1, ['the chain has 1 transactions of the oracle, 2 were confirmed: it is another chain of the same id']], [2, []]]) {
            // One more waits to be mined.
            const counts = { latest: mined, pending: mined + 1 };
            node.answer = (request, response, call) =>
                call.method === 'eth_getTransactionCount'
                    ? json(response, { jsonrpc: '2.0', id: call.id, result: `0x${counts[call.params[1]].toString(16)}` })
                    : passTo(anvil.url)(request, response, call);
            const { warnings, failures } = await doctor({ ...synchronised(), DATABASE_PATH: file, RPC_URL: node.url });
            assert.deepEqual([failures, warnings], [[], warned]);
        }
        await node.stop();
    });

    it('sees whether others are told', async () => {
        const file = await copied();
        const now = Math.floor(Date.now() / 1000);
        const told = { WEBHOOK_URL: 'http://127.0.0.1:9/', WEBHOOK_SECRET: secret };
        const agora = { AGORA_CUSTOMER_ID: 'customer', AGORA_CUSTOMER_SECRET: 'password' };
        const put = (destination, at, rest = 'NULL, NULL') =>
            sqlite(file, `INSERT INTO outbox (destination, type, data, happened_at, due_at, settled_at, outcome) VALUES ('${destination}', 'test', '{}', ${at}, ${at}, ${rest})`);
        const said = async (changed) => {
            const { stdout } = await doctor({ ...clockAt(now), DATABASE_PATH: file, ...changed });
            return stdout.split('\n').filter((line) => /^(ok|warn|FAIL) .*(WEBHOOK|Agora's REST|AGORA_CUSTOMER)/.test(line));
        };
        const untold = [
            'ok    WEBHOOK_URL is not set: there are no webhooks',
            'ok    AGORA_CUSTOMER_ID is not set: who is removed from a room can use their Agora token to its end',
        ];
        const waiting = (webhooks, agora) => [`ok    ${webhooks} messages wait to be told to WEBHOOK_URL`, `ok    ${agora} messages wait to be told to Agora's REST API`];
        assert.deepEqual(await said({ ...told, ...agora }), waiting(0, 0));
        const two = { WEBHOOK_SECRET: `${secret} whsec_${Buffer.alloc(32).toString('base64')}` };
        assert.deepEqual((await said({ ...told, ...two, ...agora }))[0], 'ok    WEBHOOK_SECRET has two secrets: take the old one away once the receiver has the new one');
        assert.deepEqual((await said({ ...told, ...agora, WEBHOOK_ALLOW_PRIVATE: '1' }))[0], 'warn  WEBHOOK_ALLOW_PRIVATE is 1: the name in WEBHOOK_URL may lead into your own network');

        await put('webhook', now - 600);
        assert.deepEqual(await said({ ...told, ...agora }), waiting(1, 0));
        assert.deepEqual(await said({}), [...untold, 'warn  1 messages wait to be told to WEBHOOK_URL, which is not set any more']);
        await put('agora', now - 601);
        assert.deepEqual(await said({ ...told, ...agora }), [waiting(1, 1)[0], "FAIL  1 messages wait to be told to Agora's REST API, the oldest for 601 s"]);
        await put('agora', now, `${now}, 'given_up'`);
        assert.ok((await said({ ...told, ...agora })).includes("warn  1 messages to Agora's REST API were given up"));
        await sqlite(file, `INSERT INTO outbox_pauses VALUES ('webhook', ${now})`);
        const since = new Date(now * 1000).toISOString().slice(0, 19);
        const paused = (await said({ ...told, ...agora })).filter((line) => line.includes('410'));
        assert.equal(paused.length, 1);
        assert.match(paused[0], new RegExp(`^FAIL  WEBHOOK_URL has answered 410 \\(Gone\\), and is told nothing since ${since}`));
    });

    it('compares the clock with that of a server', async () => {
        const postgres = await Postgres.make();
        try {
            const machine = makeMachine(postgres.url());
            const admin = (command, env) => run(path.join(build, 'session-voice-admin'), ['--config', machine.config, command], { env: { ...machine.env, ...env } });
            assert.equal((await admin('migrate')).code, 0);
            const clock = async (env) => (await admin('doctor', env)).stdout.split('\n').filter((line) => line.includes("of the database's"));
            assert.match((await clock({})).join('\n'), /^ok {4}this machine's clock is -?\d{1,3} ms ahead of the database's$/);
            const now = Math.floor(Date.now() / 1000);
            assert.match((await clock(clockAt(now + 100))).join('\n'), /^FAIL {2}this machine's clock is (9\d|100)\d{3} ms ahead of the database's$/);
            assert.match((await clock(clockAt(now - 100))).join('\n'), /^FAIL {2}this machine's clock is -1\d{5} ms ahead of the database's$/);
        } finally {
            await postgres.stop();
        }
    });

    it('knows where the sweep may write the metrics', async () => {
        const unit = 'session-voice-meter.service';
        const units = temporaryFolder();
        const later = temporaryFolder();
        const folder = temporaryFolder();
        const said = async (textfile = path.join(folder, 'voice.prom')) => {
            const changed = { SYSTEMD_UNIT_PATH: `${units}:${later}`, METRICS_TEXTFILE: textfile };
            const { oks, warnings, stdout } = await doctor(changed);
            const found = [...oks, ...warnings].filter((line) => line.includes('METRICS_TEXTFILE'));
            assert.equal(found.length, 1, stdout);
            return found[0] + (oks.includes(found[0]) ? '' : stdout.split(`${found[0]}\n`)[1].split('\n')[0]);
        };
        const dropIn = (base, name, text) => {
            mkdirSync(path.join(base, `${unit}.d`), { recursive: true });
            writeFileSync(path.join(base, `${unit}.d`, name), `[Service]\n${text}\n`);
        };
        const fine = /^the sweep can write METRICS_TEXTFILE$/;
        const advice = `systemctl edit ${unit}, and add the lines \\[Service\\] and ReadWritePaths=\\1$`;
        const refused = new RegExp(`^METRICS_TEXTFILE: ${unit} may not write in (\\S+) +-> ${advice}`);

        assert.match(await said(), fine, 'no unit, no sandbox');
        copyFileSync(path.join(root, 'deploy/systemd', unit), path.join(later, unit));
        assert.match(await said(), refused);
        dropIn(later, '10-a.conf', `ReadWritePaths=-/nowhere ${folder}`);
        assert.match(await said(), fine);
        dropIn(later, '10-a.conf', `ReadWritePaths=${folder}/deeper ${folder}er`);
        assert.match(await said(), refused);
        dropIn(units, '20-b.conf', `ReadWritePaths=-${path.dirname(folder)}`);
        assert.match(await said(), fine);
        dropIn(units, '30-c.conf', 'ReadWritePaths=');
        assert.match(await said(), refused, 'the list begins anew');
        dropIn(units, '30-c.conf', 'ProtectSystem=full');
        assert.match(await said(), fine);
        dropIn(units, '30-c.conf', 'ProtectSystem=strict\nReadWritePaths=');
        assert.match(await said(), refused);
        dropIn(units, '30-c.conf', `ReadWritePaths=\nStateDirectory=../..${folder}`);
        assert.match(await said(), fine, 'below /var/lib');
        dropIn(units, '30-c.conf', `ReadWritePaths=\nStateDirectory=${folder.slice(1)}`);
        assert.match(await said(), refused);
        writeFileSync(path.join(units, unit), '[Service]\nProtectSystem=no\n');
        dropIn(units, '30-c.conf', '');
        assert.match(await said(), fine, 'the first unit of that name counts');

        assert.match(await said('/nowhere/voice.prom'), /^METRICS_TEXTFILE: \/nowhere: No such file or directory/);
        if (process.getuid() === 0) {
            const database = path.join(service.folder, 'session-voice.db');
            chownSync(database, 65534, 65534);
            assert.match(await said(), /^METRICS_TEXTFILE: user nobody cannot write in /);
            chownSync(database, 0, 0);
        }
    });

    it('knows how long clients keep an access token', async () => {
        const warned = async (seconds) => {
            const { warnings } = await doctor({ JWT_TTL_SECONDS: seconds });
            return warnings.filter((line) => line.startsWith('JWT_TTL_SECONDS'));
        };
        assert.deepEqual(await warned('3300'), []);
        assert.match((await warned('3299'))[0], /^JWT_TTL_SECONDS is 3299; clients of the first service keep .* 55 minutes/);
    });

    it('sees that a proxy changes the Host', async () => {
        const about = ({ oks, warnings }) => [...oks, ...warnings].filter((line) => line.includes('named another domain'));
        const account = privateKeyToAccount(`0x${'5'.repeat(64)}`);
        const { nonce } = ok(await service.post('/auth/nonce', { wallet: account.address }));
        const fields = { address: account.address, chainId, nonce, version: '1', uri: 'https://app.example.org/' };
        const message = createSiweMessage({ ...fields, domain: 'app.example.org' });
        const body = { message, signature: await account.signMessage({ message }) };
        const refused = await service.post('/auth/verify', body);
        assert.deepEqual([refused.status, refused.json.error], [401, 'wrong domain']);
        assert.deepEqual(about(await doctor()), ['1 signed messages named another domain than the Host of their request']);
        assert.deepEqual(about(await doctor({ SIGN_IN_DOMAINS: 'app.example.org' })), []);
    });

    it('asks the node for wallets that are contracts', async () => {
        await fails({ SIGN_IN_RPC_URL: 'http://127.0.0.1:9/' }, /^the node of SIGN_IN_RPC_URL answers: /);
        const other = await FakeNode.start((request, response, call) => json(response, { jsonrpc: '2.0', id: call.id, result: '0x' }));
        await fails({ SIGN_IN_RPC_URL: `${other.url}/secret-key` }, /^the node of SIGN_IN_RPC_URL answers: (?!.*secret-key)/);
        await other.stop();
        const { oks } = await doctor({ SIGN_IN_RPC_URL: anvil.url });
        assert.ok(oks.includes('the node of SIGN_IN_RPC_URL answers'));
    });

    it('asks the chain', async () => {
        await fails({ CHAIN_ID: '1' }, new RegExp(`^its chain is ${chainId}, CHAIN_ID says 1$`));
        await fails({ REGISTRY_ADDRESS: unused }, /^the registry answers: /);
        await fails({ VERIFICATION_MIRROR_ADDRESS: unused }, /^the verification mirror answers: /);
        await fails({ ESCROW_ADDRESS: unused }, /^the escrow answers: /);
        await fails({ ORACLE_PRIVATE_KEY: `0x${'8'.repeat(64)}` }, /^the oracle 0x[0-9a-f]{40} holds nothing$/);
        await fails({ ORACLE_PRIVATE_KEY: `0x${'0'.repeat(64)}` }, /^ORACLE_PRIVATE_KEY is no key/);
        await fails({ RPC_URL: 'http://127.0.0.1:9/' }, /^the node answers: /);
        const node = await FakeNode.start(hang);
        await fails({ RPC_URL: `http://127.0.0.1:${node.port}/secret-key` }, /^the node answers: (?!.*secret-key)/);
        await node.stop();
        // A clock that is an hour ahead of the chain, or a chain that stands still.
        const late = await FakeNode.start((request, response, call) => {
            const results = { eth_chainId: `0x${chainId.toString(16)}`, eth_getBlockByNumber: { timestamp: '0x1' } };
            json(response, { jsonrpc: '2.0', id: call.id, result: results[call.method] ?? null });
        });
        const { warnings } = await doctor({ RPC_URL: `http://127.0.0.1:${late.port}` });
        assert.ok(warnings.some((line) => /^the clock is \d+ s ahead of the chain's last block$/.test(line)));
        const now = Math.floor(Date.now() / 1000);
        for (const ahead of [-61, -60, 60, 61]) {
            const block = { timestamp: `0x${(now - ahead).toString(16)}` };
            late.answer = (request, response, call) =>
                call.method === 'eth_getBlockByNumber' ? json(response, { jsonrpc: '2.0', id: call.id, result: block }) : passTo(anvil.url)(request, response, call);
            const said = (await doctor({ ...clockAt(now), RPC_URL: late.url })).stdout.match(/^.*the clock (agrees|is -?\d).*$/m)[0];
            assert.equal(said, Math.abs(ahead) > 60 ? `warn  the clock is ${ahead} s ahead of the chain's last block` : "ok    the clock agrees with the chain's");
        }
        const refusing = (method) => (request, response, call) =>
            call.method === method ? json(response, { jsonrpc: '2.0', id: call.id, error: { code: -32000, message: 'no' } }) : passTo(anvil.url)(request, response, call);
        late.answer = refusing('eth_getBlockByNumber');
        const untimed = await doctor({ RPC_URL: late.url });
        assert.equal(untimed.code, 0);
        assert.ok(untimed.warnings.some((line) => line.startsWith("the chain's time: ")), untimed.stdout);
        late.answer = refusing('eth_getBalance');
        await fails({ RPC_URL: late.url }, /^the oracle's account: /);
        await late.stop();
    });

    it('sees that cron does not run, and a database of another version', async () => {
        const file = await copied(); // in which nobody sweeps
        const sql = (text) => sqlite(file, text);
        const version = await sql('PRAGMA user_version');
        await sql(`PRAGMA user_version = ${version - 1}`);
        const older = await doctor({ ...synchronised(), DATABASE_PATH: file });
        assert.deepEqual([older.failures, older.warnings], [[], [`the schema is of version ${version - 1} of ${version}`]]);
        assert.ok(!older.oks.some((line) => line.startsWith('the last sweep')), 'nothing is read from it');
        await sql('PRAGMA user_version = 999');
        await fails({ DATABASE_PATH: file }, /^the schema is of version 999 of \d+$/);
        await sql(`PRAGMA user_version = ${version}`);

        const now = Math.floor(Date.now() / 1000);
        await sql(`UPDATE sweeps SET finished_at = ${now}`);
        for (const [at, said] of [
            [now - 1, 'FAIL  the last sweep lies in the future'],
            [now, 'ok    the last sweep was 0 s ago'],
            [now + 100, 'ok    the last sweep was 100 s ago'],
            [now + 101, 'FAIL  the last sweep was 101 s ago'],
        ]) {
            const { code, stdout } = await doctor({ ...clockAt(at), DATABASE_PATH: file, SWEEP_STALE_AFTER_SECONDS: '100' });
            assert.deepEqual(stdout.split('\n').filter((line) => line.includes('the last sweep')), [said]);
            assert.equal(code, said.startsWith('FAIL') ? 1 : 0, stdout);
        }
        await sql('DELETE FROM sweeps');
        assert.ok((await doctor({ DATABASE_PATH: file })).warnings.includes('no sweep has run yet'));
    });
});
