// What root runs in a folder of the service's user: whatever that user has put there, nothing of root's changes hands,
// and nothing is made or changed outside of it.
import assert from 'node:assert/strict';
import {
    chmodSync,
    chownSync,
    existsSync,
    lchownSync,
    linkSync,
    lstatSync,
    mkdirSync,
    readFileSync,
    readdirSync,
    rmSync,
    statSync,
    symlinkSync,
    writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { build, environment, run, temporaryFolder } from './service.mjs';
import { Host, isRoot } from './servers.mjs';

const content = 'of root alone\n';
const wallet = `0x${'ab'.repeat(20)}`;
const skip = !isRoot && 'root is needed for it';

// What an operator, cron and a web server may run as root: [program, arguments, variables].
function everything(folder) {
    const cgi = { GATEWAY_INTERFACE: 'CGI/1.1', REMOTE_ADDR: '192.0.2.1' };
    const asking = { ...cgi, REQUEST_METHOD: 'GET', REQUEST_URI: '/health', SCRIPT_NAME: '', PATH_INFO: '/health' };
    const signing = { ...cgi, REQUEST_METHOD: 'POST', REQUEST_URI: '/auth/nonce', PATH_INFO: '/auth/nonce' };
    const admin = (...args) => ['session-voice-admin', args, {}];
    return [
        ['session-voice', ['--check'], {}],
        ['session-voice', [], asking],
        ['session-voice', [], { ...signing, SCRIPT_NAME: '', CONTENT_LENGTH: '2', CONTENT_TYPE: 'application/json' }],
        ['session-voice-meter', [], {}],
        ['session-voice-attest', [], {}],
        ['session-voice-notify', [], {}],
        admin('migrate'),
        admin('audit'),
        admin('doctor'),
        admin('credits', 'grant', wallet, '60'),
        admin('backup', path.join(folder, 'backup.db')),
        admin('restore', path.join(folder, 'good.db'), '--dry-run'),
        admin('restore', path.join(folder, 'good.db'), '--yes'),
        admin('attest', 'retry', '42', '--dry-run'),
        admin('prune'),
    ];
}

describe('root in a folder of the service’s user', { skip, concurrency: 2 }, () => {
    let host;
    before(() => (host = new Host()));
    after(() => host.remove());
    const program = (name) => path.join(host.bin, name);

    // A folder of the user's with a database, a victim of root's beside it, and the settings, which root alone may read.
    async function prepare() {
        const base = temporaryFolder();
        chmodSync(base, 0o755);
        const data = path.join(base, 'data');
        mkdirSync(data);
        chownSync(data, host.user.uid, host.user.gid);
        const victim = path.join(base, 'victim');
        writeFileSync(victim, content, { mode: 0o600 });
        const config = path.join(base, 'session-voice.env');
        const settings = {
            WEBHOOK_URL: 'http://127.0.0.1:9/', // or the notifier has nobody to tell
            WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
            DATABASE_PATH: path.join(data, 'session-voice.db'),
            METRICS_TEXTFILE: path.join(data, 'session-voice.prom'),
            JWT_SECRET: 'a-jwt-secret-of-more-than-thirty-two-bytes',
            AGORA_APP_ID: '970ca35de60c44645bbae8a215061b33',
            AGORA_APP_CERTIFICATE: '5cfd2fd1755d40ecb72977518be15d3b',
            RPC_URL: 'http://127.0.0.1:9/',
            REGISTRY_ADDRESS: wallet,
            VERIFICATION_MIRROR_ADDRESS: wallet,
            ESCROW_ADDRESS: wallet,
            ORACLE_PRIVATE_KEY: `0x${'7'.repeat(64)}`,
        };
        const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
        writeFileSync(config, lines.join(''), { mode: 0o600 });
        const asRoot = (name, args, variables = {}, options = {}) =>
            run(program(name), args, {
                env: environment({ SESSION_VOICE_CONFIG: config, ...variables }),
                input: '{}',
                ...options,
            });
        const admin = (...args) => asRoot('session-voice-admin', args);
        const asUser = async (...args) => {
            const env = environment({ DATABASE_PATH: settings.DATABASE_PATH });
            const { code, stderr } = await run(program('session-voice-admin'), args, { env, user: host.user, cwd: '/' });
            assert.equal(code, 0, stderr);
        };
        return { base, data, victim, asRoot, admin, asUser, database: settings.DATABASE_PATH };
    }

    const assertUntouched = (victim, links, what) => {
        const { uid, gid, mode, nlink } = statSync(victim);
        assert.deepEqual({ uid, gid, mode: mode & 0o7777, nlink }, { uid: 0, gid: 0, mode: 0o600, nlink: links }, what);
        assert.equal(readFileSync(victim, 'utf8'), content, what);
    };

    const files = ['', '-wal', '-shm', '-lock', '-metrics', '-limits', '-rpc-slots', '-restore', '-rehearsal'].map(
        (suffix) => `session-voice.db${suffix}`,
    );
    for (const name of [...files, 'session-voice.prom', 'backup.db', 'backup.db.partial'])
        for (const kind of ['link', 'dangling link', 'second name'])
            it(`a ${kind} ${name} leads it nowhere`, async () => {
                const { base, data, victim, asRoot, asUser } = await prepare();
                await asUser('credits', 'grant', wallet, '60');
                await asUser('backup', path.join(data, 'good.db'));
                const planted = path.join(data, name);
                const elsewhere = path.join(base, 'elsewhere');
                for (const [which, args, variables] of everything(data)) {
                    // Again and again: some command may have put a file of its own there.
                    rmSync(planted, { force: true });
                    if (kind === 'second name') linkSync(victim, planted);
                    else {
                        symlinkSync(kind === 'link' ? victim : elsewhere, planted);
                        lchownSync(planted, host.user.uid, host.user.gid);
                    }
                    const { stdout, stderr } = await asRoot(which, args, variables);
                    const what = `${which} ${args.join(' ')}: ${stdout}${stderr}`;
                    const isLinked = kind === 'second name' && lstatSync(planted).ino === statSync(victim).ino;
                    assertUntouched(victim, isLinked ? 2 : 1, what);
                    assert.equal(existsSync(elsewhere), false, what);
                    const roots = readdirSync(data).filter((each) => lstatSync(path.join(data, each)).uid === 0);
                    assert.deepEqual(roots, isLinked ? [name] : [], what);
                }
                assert.deepEqual(readdirSync(base).sort(), ['data', 'session-voice.env', 'victim']);
                rmSync(base, { recursive: true });
            });

    it('does what it does as that user, and leaves nothing of its own', async () => {
        const { base, data, asRoot, asUser } = await prepare();
        await asUser('migrate');
        await asUser('backup', path.join(data, 'good.db'));
        for (const [which, args, variables] of everything(data)) {
            const { code, stdout, stderr } = await asRoot(which, args, variables);
            if (!['doctor', 'attest'].includes(args[0])) assert.equal(code, 0, `${which} ${args}: ${stdout}${stderr}`);
            for (const name of readdirSync(data))
                assert.equal(statSync(path.join(data, name)).uid, host.user.uid, `${which} ${args}: ${name}`);
        }
        rmSync(base, { recursive: true });
    });

    it('backs up to and restores from where that user may, and says so otherwise', async () => {
        const { base, data, admin, asUser } = await prepare();
        await asUser('migrate');
        const backups = path.join(base, 'backups');
        mkdirSync(backups, { mode: 0o700 });
        const file = path.join(backups, 'nightly.db');
        const refused = await admin('backup', file);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, new RegExp(`nightly\\.db.*: Permission denied for user ${host.name}`));
        assert.deepEqual(readdirSync(backups), []);
        chownSync(backups, host.user.uid, host.user.gid);
        const saved = await admin('backup', file);
        assert.equal(saved.code, 0, saved.stderr);
        assert.deepEqual(readdirSync(backups), ['nightly.db']);
        const restored = await admin('restore', file, '--yes');
        assert.equal(restored.code, 0, restored.stderr);
        chownSync(file, 0, 0);
        const closed = await admin('restore', file, '--yes');
        assert.equal(closed.code, 1);
        assert.match(closed.stderr, new RegExp(`nightly\\.db: Permission denied for user ${host.name}`));
        assert.equal(readdirSync(data).some((name) => /restore/.test(name)), false);
        rmSync(base, { recursive: true });
    });

    it('a development copy is not served out of a folder of somebody else', async () => {
        const { base, data } = await prepare();
        symlinkSync(path.join(base, 'elsewhere'), path.join(data, 'session-voice.env'));
        const { code, stderr } = await run('cgi-bin/run.sh', [build, '1', data]);
        assert.equal(code, 1);
        assert.match(stderr, /belongs to another user than root/);
        assert.deepEqual(readdirSync(base).sort(), ['data', 'session-voice.env', 'victim']);
        rmSync(base, { recursive: true });
    });
});
