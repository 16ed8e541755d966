// The operator's look at an installation: everything in order, and each thing that can be wrong.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { zeroAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { build, environment, ok, root, run, sqlite, startService, temporaryFolder } from './service.mjs';
import { Anvil, FakeNode, chainId, hang, json } from './node.mjs';

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
        const { code, stdout, stderr } = await run(program, ['--config', service.config, 'doctor', ...args], {
            env: { ...service.env, ...changed },
        });
        assert.equal(stderr, '');
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

    it('finds nothing wrong where nothing is', async () => {
        const { code, stdout, failures, oks } = await doctor();
        assert.equal(code, 0, stdout);
        assert.deepEqual(failures, []);
        for (const pattern of [
            /^the settings are complete/,
            /^SQLite 3\./,
            /^user \S+ can use the database/,
            /^the schema is of version (\d+) of \1$/,
            /^the last sweep was \d+ s ago$/,
            new RegExp(`^its chain is ${chainId}$`),
            /^the clock agrees with the chain's$/,
            /^the registry answers$/,
            /^the verification mirror answers$/,
            /^the escrow answers$/,
            /^wallets that are contracts can be asked$/,
            /^SIGN_IN_DOMAINS is not set; a signed message must name the Host of its request$/,
            new RegExp(`^the oracle ${oracle} holds 5 wei$`),
            /^a name that is passed on brings its next owner the base grant, too; BASE_GRANT_PER_NAME=1 would change that$/,
        ])
            assert.ok(oks.some((line) => pattern.test(line)), `${pattern} in ${stdout}`);
        const once = await doctor({ BASE_GRANT_PER_NAME: '1' });
        assert.ok(once.oks.includes('a name brings the base grant once'), once.stdout);
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
        for (const [booking, age] of [[41, 3500], [42, 3700]])
            await sqlite(
                file,
                `INSERT INTO attestations (booking_id, outcome, host_joined_at, host_left_at, guest_joined_at, guest_left_at,
                                           overlap_seconds, metrics_hash, decided_at, chain_id, oracle, nonce, state)
                 VALUES ('${booking}', 1, 0, 0, 0, 0, 0, '${'a'.repeat(64)}', ${now - age}, ${chainId}, '${oracle}', ${booking},
                         'submitted')`,
            );
        const { warnings } = await doctor({ DATABASE_PATH: file });
        const unconfirmed = warnings.filter((line) => /is only submitted since/.test(line));
        assert.equal(unconfirmed.length, 1, unconfirmed.join('\n'));
        assert.match(unconfirmed[0], /^the attestation of booking 42 /);
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
        await late.stop();
    });

    it('sees that cron does not run, and a database of another version', async () => {
        const database = path.join(service.folder, 'session-voice.db');
        const sql = (text) => sqlite(database, text);
        const version = await sql('PRAGMA user_version');
        await sql('UPDATE sweeps SET finished_at = finished_at - 400');
        await fails({}, /^the last sweep was 4\d\d s ago$/);
        await sql('UPDATE sweeps SET finished_at = finished_at + 40000');
        await fails({}, /^the last sweep lies in the future$/);
        await sql('DELETE FROM sweeps');
        assert.ok((await doctor()).warnings.includes('no sweep has run yet'));
        await sql('PRAGMA user_version = 999');
        await fails({}, /^the schema is of version 999 of \d+$/);
        await sql(`PRAGMA user_version = ${version}`);
        await service.sweep();
    });
});
