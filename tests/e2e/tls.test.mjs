// A managed database, as it is bought somewhere: over the network with TLS, a password, and a certificate of some CA.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { asPostgres, makeMachine, Postgres, startMachine } from './cluster.mjs';
import { chainId, json } from './node.mjs';
import { runProgram } from './oracle.mjs';
import { build, freePort, ok, run, temporaryFolder } from './service.mjs';

const password = 'p@ss%word-of-the-tests';

describe('a database behind TLS', () => {
    let place;
    let postgres;
    let otherCa;
    let ca;
    const certificates = temporaryFolder();

    async function openssl(...args) {
        const { code, stderr } = await run('openssl', args, { cwd: certificates });
        assert.equal(code, 0, stderr);
    }
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    async function makeCa(name) {
        const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
        await openssl('req', '-x509', ...key, ...files, '-subj', `/CN=${name}`);
        return path.join(certificates, `${name}.crt`);
    }

    before(async () => {
        ca = await makeCa('ca');
        otherCa = await makeCa('other');
        await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=database');
        writeFileSync(path.join(certificates, 'names'), 'subjectAltName=DNS:localhost\n');
        await openssl(
            ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
            ...['-days', '2', '-extfile', 'names', '-out', 'server.crt'],
        );
        place = temporaryFolder();
        const there = (name) => path.join(place, name);
        for (const name of ['server.key', 'server.crt']) {
            const { uid = process.getuid(), gid = process.getgid() } = asPostgres;
            const to = ['-m', '600', '-o', String(uid), '-g', String(gid), name, there(name)];
            const { code, stderr } = await run('install', to, { cwd: certificates });
            assert.equal(code, 0, stderr);
        }
        writeFileSync(there('hba'), 'local all postgres trust\nhostssl all voice all scram-sha-256\n', { mode: 0o644 });
        postgres = await Postgres.make({
            place,
            settings: {
                listen_addresses: '127.0.0.1',
                port: await freePort(),
                hba_file: there('hba'),
                ssl: 'on',
                ssl_cert_file: there('server.crt'),
                ssl_key_file: there('server.key'),
            },
        });
        await postgres.psql(`ALTER ROLE voice PASSWORD '${password}'`);
    });
    after(async () => {
        await postgres?.stop();
        rmSync(certificates, { recursive: true });
    });

    function url(host, options, secret = password) {
        const words = new URLSearchParams(options);
        return `postgresql://voice:${encodeURIComponent(secret)}@${host}:${postgres.port}/voice?${words}`;
    }

    it('is used, and nothing else than TLS', async () => {
        const machine = await startMachine(url('localhost', { sslmode: 'verify-full', sslrootcert: ca }));
        const client = await machine.signedIn();
        await client.host();
        ok(await client.heartbeat());
        ok(await client.renew());
        const connections = await postgres.psql(
            "SELECT count(*), bool_and(ssl), min(version) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'voice'",
        );
        assert.match(connections, /^[1-9]\d*\|t\|TLSv1\.3$/);
        ok(await client.leave());
        await machine.sweep();
        await machine.audit();
        await machine.stop();
    });

    it('is used without the CA where the settings say so', async () => {
        const machine = makeMachine(url('127.0.0.1', { sslmode: 'require' }));
        for (const program of ['session-voice-admin', 'session-voice-meter']) {
            const args = program === 'session-voice-admin' ? ['audit'] : ['--json'];
            const { code, stdout, stderr } = await runProgram(machine, program, args);
            assert.equal(code, 0, stdout + stderr);
        }
        rmSync(machine.folder, { recursive: true });
    });

    // libcurl is told one place to look for CAs.
    it('and so is a node behind TLS', async (t) => {
        if (process.getuid() !== 0) return t.skip('needs root, for a list of CAs of its own');
        const here = (name) => readFileSync(path.join(certificates, name));
        const node = https.createServer({ key: here('server.key'), cert: here('server.crt') }, (request, response) => {
            request.setEncoding('utf8').on('data', (text) => {
                json(response, { jsonrpc: '2.0', id: JSON.parse(text).id, result: `0x${chainId.toString(16)}` });
            });
        });
        await new Promise((resolve) => node.listen(0, '127.0.0.1', resolve));
        t.after(() => node.close());
        const address = `0x${'7'.repeat(40)}`;
        const machine = makeMachine(url('localhost', { sslmode: 'verify-full', sslrootcert: ca }), {
            CHAIN_MODE: 'rpc',
            CHAIN_ID: String(chainId),
            RPC_URL: `https://localhost:${node.address().port}`,
            REGISTRY_ADDRESS: address,
            VERIFICATION_MIRROR_ADDRESS: address,
        });
        const doctor = (trusted) => {
            const command = 'mount --bind "$0" /etc/ssl/certs && exec "$@"';
            const program = [path.join(build, 'session-voice-admin'), '--config', machine.config, 'doctor'];
            return run('unshare', ['-m', 'sh', '-c', command, trusted, ...program], { env: machine.env });
        };
        for (const name of ['ca', 'other']) {
            mkdirSync(path.join(certificates, `only-${name}`));
            copyFileSync(path.join(certificates, `${name}.crt`), path.join(certificates, `only-${name}`, 'ca.pem'));
            await openssl('rehash', `only-${name}`);
        }
        assert.match((await doctor(path.join(certificates, 'only-ca'))).stdout, /^ok +the node answers/m);
        assert.match((await doctor(path.join(certificates, 'only-other'))).stdout, /^FAIL +the node answers/m);
        rmSync(machine.folder, { recursive: true });
    });

    const refusals = [
        ['another CA', 'localhost', () => ({ sslmode: 'verify-full', sslrootcert: otherCa }), /certificate verify failed/],
        ['another name', '127.0.0.1', () => ({ sslmode: 'verify-full', sslrootcert: ca }), /does not match host name/],
        ['no TLS', 'localhost', () => ({ sslmode: 'disable' }), /no pg_hba\.conf entry for host/],
    ];
    for (const [what, host, options, words] of refusals) {
        it(`is refused: ${what}`, async () => {
            const machine = makeMachine(url(host, options()));
            for (const [program, args] of [
                ['session-voice-admin', ['audit']],
                ['session-voice-meter', ['--json']],
            ]) {
                const { code, stdout, stderr } = await runProgram(machine, program, args);
                assert.notEqual(code, 0);
                assert.match(stdout + stderr, words);
                assert.match(stdout + stderr, /database_unavailable/);
            }
            rmSync(machine.folder, { recursive: true });
        });
    }

    it('tells nobody the password, not even a wrong one', async () => {
        const machine = makeMachine(url('localhost', { sslmode: 'verify-full', sslrootcert: ca }, 'a-wrong-password'));
        const { code, stdout, stderr } = await runProgram(machine, 'session-voice-admin', ['audit']);
        assert.notEqual(code, 0);
        assert.match(stdout + stderr, /password authentication failed/);
        assert.doesNotMatch(stdout + stderr, /a-wrong-password/);
        rmSync(machine.folder, { recursive: true });
    });
});
