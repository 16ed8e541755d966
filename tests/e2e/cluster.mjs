// A PostgreSQL of the tests' own, and machines that share it: each is the service behind a lighttpd, with a folder of its
// own. What is committed is brought to the disk here, since the tests look for what was lost. Everything lies in temporary
// folders that go away, also when a test fails.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { remember } from './secrets.mjs';
import { environment, run, sleep, startService, temporaryFolder, until } from './service.mjs';

const startMs = 60_000;

// The newest release that is installed.
const releases = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
const programs = `/usr/lib/postgresql/${releases.sort((a, b) => a - b).at(-1)}/bin`;

// It refuses to run as root.
export const asPostgres = (() => {
    if (process.getuid() !== 0) return {};
    const [, uid, gid] = readFileSync('/etc/passwd', 'utf8').match(/^postgres:[^:]*:(\d+):(\d+):/m);
    return { uid: Number(uid), gid: Number(gid) };
})();

function childrenOf(parent) {
    return readdirSync('/proc').filter((name) => {
        if (!/^\d+$/.test(name)) return false;
        try {
            const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
            return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
        } catch {
            return false; // it has ended meanwhile
        }
    }).map(Number);
}

function isAlive(pid) {
    try {
        return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
        return false;
    }
}

// As fast as the kernel can: the server starts nothing more while its processes are counted. They are given back.
function killTree(pid) {
    process.kill(pid, 'SIGSTOP');
    const all = [pid, ...childrenOf(pid)];
    for (const each of all) {
        try {
            process.kill(each, 'SIGKILL');
        } catch {} // it has ended meanwhile
    }
    return all;
}

const servers = new Set();
process.on('exit', () => {
    for (const server of servers) server.forget();
});

// The one who is told to make a connection that asks nothing: a socket, once the server has let it in.
function greet(where, user, database) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(where);
        const words = Buffer.from(['user', user, 'database', database, '', ''].join('\0'));
        const head = Buffer.alloc(8);
        head.writeInt32BE(words.length + 8, 0);
        head.writeInt32BE(3 << 16, 4); // the version of the protocol
        let said = Buffer.alloc(0);
        socket.on('connect', () => socket.write(Buffer.concat([head, words])));
        socket.on('data', (bytes) => {
            said = Buffer.concat([said, bytes]);
            if (said[0] === 'E'.charCodeAt(0)) reject(new Error(said.toString('latin1').replace(/\0/g, ' ')));
            else if (said.subarray(-6, -1).toString('latin1') === 'Z\0\0\0\x05') resolve(socket);
        });
        socket.on('error', reject).on('close', () => reject(new Error('the server hung up')));
    });
}

export class Postgres {
    // An empty database "voice" of the user "voice", who may do there what an owner may, and nothing else. `settings` are
    // of postgresql.conf. `place` is the folder for it, if it must be a certain one.
    static async make({ settings = {}, place = temporaryFolder(), initdb = [] } = {}) {
        const server = new Postgres(place, settings);
        const args = ['-D', server.data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
        await server.tool('initdb', [...args, ...initdb]);
        await server.start();
        await server.psql('CREATE ROLE voice LOGIN', 'postgres');
        await server.makeDatabase('voice');
        return server;
    }

    constructor(folder, settings) {
        this.folder = folder;
        this.data = path.join(folder, 'data');
        this.port = settings.port ?? 5432; // each has a folder for its socket, so they may have the same
        this.settings = {
            max_connections: 100, // three machines of 20 workers, and their sweeps
            max_pred_locks_per_transaction: 256,
            shared_buffers: '32MB',
            recovery_init_sync_method: 'syncfs', // a start after a kill brings what was written to the disk
            dynamic_shared_memory_type: 'mmap', // nothing is left in /dev/shm by a server that was killed
            ...settings,
        };
        if (asPostgres.uid !== undefined) chownSync(folder, asPostgres.uid, asPostgres.gid);
        servers.add(this);
    }

    // One of PostgreSQL's own programs, as its user.
    async tool(name, args) {
        const ended = await run(path.join(programs, name), args, { cwd: this.folder, user: asPostgres });
        assert.equal(ended.code, 0, `${name}: ${ended.stdout.slice(-2000)}${ended.stderr.slice(-2000)}`);
        return ended.stdout;
    }

    // Starts the server, and waits until it lets somebody in. `isAwaited` false: only starts it.
    async start({ isAwaited = true } = {}) {
        const args = ['-D', this.data, '-k', this.folder, '-c', 'listen_addresses=', '-p', String(this.port)];
        for (const [name, value] of Object.entries(this.settings)) args.push('-c', `${name}=${value}`);
        const child = spawn(path.join(programs, 'postgres'), args, {
            cwd: this.folder,
            env: environment(),
            stdio: ['ignore', 'pipe', 'pipe'],
            ...asPostgres,
        });
        this.child = child;
        this.log = '';
        for (const stream of [child.stdout, child.stderr]) {
            stream.setEncoding('utf8').on('data', (text) => (this.log = (this.log + text).slice(-20_000)));
            stream.unref();
        }
        this.exit = new Promise((resolve) => child.on('exit', resolve));
        child.unref(); // where a test fails before it stops the server, this process ends all the same
        if (isAwaited) await this.isReady();
    }

    get isRunning() {
        return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
    }

    // For who waits for its end.
    ended() {
        this.child.ref();
        return this.exit;
    }

    isReady() {
        return until(
            async () => {
                assert.ok(this.isRunning, `the server has ended: ${this.log.slice(-2000)}`);
                try {
                    (await greet(this.socket, 'postgres', 'postgres')).destroy();
                    return true;
                } catch {
                    return false;
                }
            },
            'PostgreSQL lets somebody in',
            startMs,
        );
    }

    get socket() {
        return path.join(this.folder, `.s.PGSQL.${this.port}`);
    }

    makeDatabase(name) {
        return this.psql(`CREATE DATABASE ${name} OWNER voice`, 'postgres');
    }

    url(database = 'voice') {
        return `postgresql://voice@/${database}?host=${this.folder}`;
    }

    psqlArgs(database) {
        return ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', this.folder, '-p', String(this.port), '-U', 'postgres', database];
    }

    // What it prints; by the server's own superuser.
    async psql(sql, database = 'voice') {
        const { code, stdout, stderr } = await run('psql', [...this.psqlArgs(database), '-c', sql]);
        assert.equal(code, 0, stderr);
        return stdout.trim();
    }

    async rows(sql, database) {
        return JSON.parse(await this.psql(`SELECT coalesce(json_agg(t), '[]') FROM (${sql}) AS t`, database));
    }

    // Carries out the SQL in a transaction that stays open; release() ends it, and takes it back.
    async hold(sql, database = 'voice') {
        const child = spawn('psql', this.psqlArgs(database), { env: environment(), stdio: ['pipe', 'pipe', 'pipe'] });
        let said = '';
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
        const end = new Promise((resolve) => child.on('close', resolve));
        child.stdin.write(`BEGIN;\n${sql};\n\\echo held\n`);
        await until(() => {
            assert.equal(child.exitCode, null, said);
            return /^held$/m.test(said);
        }, 'the lock is held');
        return {
            release: async () => {
                child.stdin.end('ROLLBACK;\n');
                await end;
            },
        };
    }

    // Takes every connection that is left, a superuser's too, and takes them again as others let go; release() gives them
    // back.
    async occupy() {
        const taken = [];
        for (;;) {
            try {
                taken.push(await greet(this.socket, 'postgres', 'postgres'));
            } catch (error) {
                assert.match(error.message, /C53300/); // too_many_connections
                break;
            }
        }
        for (const socket of taken) socket.on('error', () => {});
        return { count: taken.length, release: () => taken.forEach((socket) => socket.destroy()) };
    }

    // kill -9 of all its processes.
    async kill() {
        const all = killTree(this.child.pid);
        await this.ended();
        await until(() => !all.some(isAlive), 'all processes of PostgreSQL are gone');
    }

    // As an operator stops it: who is connected is thrown out.
    async shutDown() {
        this.child.kill('SIGINT');
        await this.ended();
    }

    // A copy that follows this one. Once it is there, a commit here waits until it is there, too. `inPlaceOf` is a server
    // that has ended, which becomes the copy.
    async standby({ inPlaceOf } = {}) {
        const standby = inPlaceOf ?? new Postgres(temporaryFolder(), this.settings);
        standby.removeMemory();
        rmSync(standby.data, { recursive: true, force: true });
        await standby.tool('pg_basebackup', [
            ...['-h', this.folder, '-p', String(this.port), '-U', 'postgres', '-D', standby.data],
            ...['-R', '-X', 'stream', '--checkpoint=fast', '--no-sync'],
        ]);
        // It copied these settings: whom to wait for is a primary's affair.
        appendFileSync(
            path.join(standby.data, 'postgresql.auto.conf'),
            `primary_conninfo = 'host=${this.folder} port=${this.port} user=postgres application_name=standby'\n` +
                "synchronous_standby_names = ''\ndefault_transaction_read_only = off\n",
        );
        await standby.start();
        await this.waitFor('standby', 'remote_apply');
        return standby;
    }

    async waitFor(name, level) {
        await this.psql(`ALTER SYSTEM SET synchronous_commit = ${level}`);
        await this.psql(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`);
        await this.psql('SELECT pg_reload_conf()');
        await until(
            async () =>
                (await this.psql('SHOW synchronous_standby_names')) === name &&
                (await this.psql('SELECT sync_state, state FROM pg_stat_replication')) === 'sync|streaming',
            'the standby is synchronous',
            startMs,
        );
        await this.psql('CHECKPOINT'); // the process that does it has heard of the standby by then, and so have all others
    }

    // Makes a standby the one that is written to.
    async promote() {
        await this.psql('SELECT pg_promote(true, 60)');
    }

    // What a server leaves that was killed.
    removeMemory() {
        try {
            const [, id] = readFileSync(path.join(this.data, 'postmaster.pid'), 'utf8').match(/^ *\d+ +(\d+)$/m);
            execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' });
        } catch {} // it has ended well
    }

    // At once, by whatever way.
    forget() {
        servers.delete(this);
        if (this.isRunning) killTree(this.child.pid);
        this.removeMemory();
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 20 }); // its processes may still be ending
    }

    async stop() {
        if (this.isRunning) {
            this.child.kill('SIGQUIT'); // its memory goes with it, and nobody needs what is in its files
            await this.ended();
        }
        this.forget();
    }
}

// That one of them is taken that can be written to.
export const urlOf = (...servers) =>
    `postgresql://voice@/voice?host=${servers.map(({ folder }) => folder).join(',')}&port=${servers.map((server) => server.port).join(',')}`;

const secrets = {
    JWT_SECRET: randomBytes(32).toString('hex'),
    AGORA_APP_ID: randomBytes(16).toString('hex'),
    AGORA_APP_CERTIFICATE: randomBytes(16).toString('hex'),
    ORACLE_PRIVATE_KEY: `0x00${randomBytes(31).toString('hex')}`,
    ORACLE_SERVICE_TOKEN: randomBytes(32).toString('hex'),
};

// A folder with the settings of a machine: what startService() needs, and what runProgram() of oracle.mjs does.
export function makeMachine(url, settings = {}) {
    const folder = temporaryFolder();
    const state = path.join(folder, 'state');
    mkdirSync(state);
    const config = path.join(folder, 'session-voice.env');
    const all = {
        ENVIRONMENT: 'development',
        CHAIN_MODE: 'mock',
        DATABASE_URL: url,
        STATE_DIRECTORY: state,
        ...secrets,
        ...settings,
    };
    remember(new URL(url.replace(/^postgres(ql)?:/, 'http:').replace('@/', '@host/')).password);
    writeFileSync(config, Object.entries(all).map(([name, value]) => `${name}=${value}\n`).join(''));
    return { folder, config, env: environment() };
}

// One more machine of the service whose state is in that database. All know the same secrets, so a token that one of
// them issues is good with each.
export const startMachine = (url, settings) => startService({ folder: makeMachine(url, settings).folder });

// kill -9 of a machine's processes, all of them. It can be started again.
export async function killMachine(machine) {
    for (;;) {
        const left = machine.processes();
        if (left.length === 0) break;
        for (const pid of left) {
            try {
                process.kill(pid, 'SIGKILL');
            } catch {} // it has ended meanwhile
        }
        await sleep(10);
    }
    await machine.ended();
}
