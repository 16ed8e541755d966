// A worker and those who keep workers, asked by FastCGI itself: what a web server would not show.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { FakeNode, answerName } from './node.mjs';
import { build, environment, freePort, run, sleep, sqlite, temporaryFolder, until } from './service.mjs';

const secrets = {
    JWT_SECRET: 'a-jwt-secret-of-more-than-thirty-two-bytes',
    AGORA_APP_ID: '970ca35de60c44645bbae8a215061b33',
    AGORA_APP_CERTIFICATE: '5cfd2fd1755d40ecb72977518be15d3b',
};

// ---- FastCGI, version 1 ----

const record = (type, content = Buffer.alloc(0)) => {
    const head = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]);
    return Buffer.concat([head, content]);
};
const keepConnection = 1; // which the program does not do
const begin = record(1, Buffer.from([0, 1, keepConnection, 0, 0, 0, 0, 0]));
const parameters = (variables) => {
    const length = (text) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE((Buffer.byteLength(text) | 0x80000000) >>> 0);
        return bytes;
    };
    const pairs = Object.entries(variables).flatMap(([name, value]) => [length(name), length(value), Buffer.from(name), Buffer.from(value)]);
    return Buffer.concat([record(4, Buffer.concat(pairs)), record(4)]);
};
const requestOf = (method, uri, body, more) => [
    begin,
    parameters({
        REQUEST_METHOD: method,
        REQUEST_URI: uri,
        SCRIPT_NAME: '',
        ...(body === undefined ? {} : { CONTENT_LENGTH: String(Buffer.byteLength(body)) }),
        ...more,
    }),
    ...(body === undefined ? [] : [record(5, Buffer.from(body))]),
    record(5),
];

// The answer: { status, json }, or undefined if the other side hangs up without one. The request stops short at its
// twelfth byte until `afterPart` is done.
function ask(where, method, uri, { body, variables, token, afterPart } = {}) {
    const more = { ...variables, ...(token === undefined ? {} : { HTTP_AUTHORIZATION: `Bearer ${token}` }) };
    const bytes = Buffer.concat(requestOf(method, uri, body === undefined ? undefined : JSON.stringify(body), more));
    return new Promise((resolve) => {
        const socket = net.connect(where);
        const chunks = [];
        socket.on('connect', async () => {
            if (afterPart === undefined) return socket.write(bytes);
            socket.write(bytes.subarray(0, 12));
            await afterPart();
            socket.write(bytes.subarray(12));
        });
        socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {});
        socket.on('close', () => {
            const all = Buffer.concat(chunks);
            let text = '';
            for (let at = 0; at + 8 <= all.length; at += 8 + all.readUInt16BE(at + 4) + all[at + 6])
                if (all[at + 1] === 6) text += all.subarray(at + 8, at + 8 + all.readUInt16BE(at + 4)).toString();
            const status = text.match(/^Status: (\d+)/)?.[1];
            resolve(status === undefined ? undefined : { status: Number(status), json: JSON.parse(text.split('\r\n\r\n')[1] || 'null') });
        });
    });
}

// ---- the program behind a socket ----

const stateOf = (pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent), ticks: Number(rest[9]) + Number(rest[10]) };
};
const isThere = (pid) => existsSync(`/proc/${pid}/exe`) && stateOf(pid).state !== 'Z';
const childrenOf = (pid) =>
    readdirSync('/proc').filter((name) => {
        try {
            return /^\d+$/.test(name) && stateOf(name).parent === pid && stateOf(name).state !== 'Z';
        } catch {
            return false; // it has ended meanwhile
        }
    }).map(Number);
// How many sockets they have open.
const socketsOf = (pids) => pids.flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
        return ''; // it has been closed meanwhile
    }
})).filter((file) => file.startsWith('socket:')).length;
// Until they have more, since one has taken a connection.
const taken = (pids, before) => until(() => socketsOf(pids) > before, 'it is taken');
const programOf = (pid) => readlinkSync(`/proc/${pid}/exe`);

class Program {
    // `where` is a port, or by default a Unix socket.
    static async start(args, { settings = {}, port, prefix = [] } = {}) {
        const one = new Program();
        one.folder = temporaryFolder();
        mkdirSync(path.join(one.folder, 'bin'));
        one.file = path.join(one.folder, 'bin', 'session-voice');
        copyFileSync(path.join(build, 'session-voice'), one.file);
        one.database = path.join(one.folder, 'voice.db');
        one.where = port ?? path.join(one.folder, 'own.sock');
        const at = port === undefined ? ['-s', one.where] : ['-a', '127.0.0.1', '-p', String(port)];
        const all = { ENVIRONMENT: 'development', CHAIN_MODE: 'mock', DATABASE_PATH: one.database, LOG_REQUESTS: 'off', ...secrets, ...settings };
        one.child = spawn('spawn-fcgi', ['-n', ...at, '--', ...prefix, one.file, ...args], { env: environment(all), stdio: ['ignore', 'inherit', 'pipe'] });
        one.log = '';
        one.child.stderr.setEncoding('utf8').on('data', (text) => (one.log += text));
        one.child.on('exit', (code, signal) => (one.ended = code ?? signal));
        process.on('exit', () => one.child.kill('SIGKILL'));
        for (const handle of [one.child, one.child.stderr]) handle.unref(); // where a test fails before it has ended
        await until(async () => (await one.get('/health'))?.status === 200, 'it answers');
        const count = Number(args[args.indexOf('--workers') + 1]) || 0;
        await until(() => one.workers().length >= count, 'all have begun');
        return one;
    }
    get pid() {
        return this.child.pid;
    }
    workers() {
        return childrenOf(this.pid);
    }
    // Those who answer.
    answering() {
        const workers = this.workers();
        return workers.length > 0 ? workers : [this.pid];
    }
    get(uri, options) {
        return ask(this.where, 'GET', uri, options);
    }
    post(uri, body, options) {
        return ask(this.where, 'POST', uri, { body, ...options });
    }
    // As a package manager does it; the program that runs loses its name.
    replaceFile(source = path.join(build, 'session-voice')) {
        copyFileSync(source, `${this.file}.new`);
        renameSync(`${this.file}.new`, this.file);
    }
    // That it ends now, with that status.
    async ends(status = 0) {
        await until(() => this.ended !== undefined, 'it has ended', 20_000);
        assert.equal(this.ended, status, this.log);
    }
    async stop(signal = 'SIGTERM') {
        this.child.kill(signal);
        await this.ends();
    }
}

// As the service would issue it.
function tokenOf(number) {
    const base64url = (value) => Buffer.from(value).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: `0x${number.toString(16).padStart(40, '0')}`, iat: now, exp: now + 600 };
    const signed = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => base64url(JSON.stringify(part))).join('.');
    return `${signed}.${createHmac('sha256', secrets.JWT_SECRET).update(signed).digest('base64url')}`;
}

const logged = (program, pattern) => (program.log.match(pattern) ?? []).length;

describe('FastCGI', { concurrency: 3 }, () => {
    it('a worker that waits ends by either signal', async () => {
        for (const args of [[], ['--workers', '2']])
            for (const signal of ['SIGTERM', 'SIGINT']) {
                const program = await Program.start(args);
                const workers = program.workers();
                assert.equal(workers.length, args.length);
                await program.stop(signal);
                await until(() => !workers.some(isThere), 'its workers have ended');
                assert.equal(program.log, '');
            }
    });

    it('a worker that waits does nothing', async () => {
        const program = await Program.start([]);
        const kept = await Program.start(['--workers', '1', '--with-parent']);
        await sleep(200);
        const pids = [program.pid, kept.pid, ...kept.workers()];
        const before = pids.map((pid) => stateOf(pid).ticks);
        await sleep(1000);
        pids.forEach((pid, i) => assert.ok(stateOf(pid).ticks - before[i] <= 5, `${i}`));
        await program.stop();
        await kept.stop();
    });

    it('what is in hand is finished', async () => {
        for (const args of [[], ['--workers', '1'], ['--workers', '1', '--with-parent']])
            for (const signal of ['SIGTERM', 'SIGINT']) {
                const program = await Program.start(args);
                await until(() => stateOf(program.answering()[0]).state === 'S', 'it waits');
                const before = socketsOf(program.answering());
                const reply = await program.get('/health', {
                    afterPart: async () => {
                        await taken(program.answering(), before);
                        program.child.kill(signal);
                        await sleep(100);
                    },
                });
                assert.equal(reply?.status, 200, `${args} ${signal}`);
                await program.ends();
            }
    });

    it('a supervisor ends after its last worker', async () => {
        const program = await Program.start(['--workers', '2']);
        const inHand = async (ms) => {
            const reply = await program.get('/health', {
                afterPart: async () => {
                    await sleep(ms);
                    assert.equal(program.ended, undefined);
                },
            });
            return reply?.status;
        };
        const before = socketsOf(program.workers());
        const replies = Promise.all([inHand(2500), inHand(3300)]);
        await taken(program.workers(), before + 1);
        program.child.kill('SIGTERM');
        assert.deepEqual(await replies, [200, 200]);
        await program.ends();
    });

    // So long a worker may take the next connection without looking for signals.
    it('under load a signal is seen after 32 requests', async () => {
        const program = await Program.start([]);
        await sleep(100);
        const waiting = [];
        await program.get('/health', {
            afterPart: async () => {
                for (let i = 0; i < 40; i += 1) waiting.push(program.get('/health'));
                await sleep(300);
                program.child.kill('SIGTERM');
                await sleep(100);
            },
        });
        await program.ends();
        const answered = (await Promise.all(waiting)).filter((reply) => reply?.status === 200);
        assert.ok(answered.length <= 31, `${answered.length}`);
    });

    it('answers that wait for one sync are all given', async () => {
        const program = await Program.start([]);
        const tokens = Array.from({ length: 40 }, (_, i) => tokenOf(i + 1));
        process.kill(program.pid, 'SIGSTOP');
        const replies = tokens.map((token) => program.post('/rooms/create', {}, { token }));
        await sleep(300);
        process.kill(program.pid, 'SIGCONT');
        const rooms = (await Promise.all(replies)).map((reply) => [reply?.status, reply?.json.room_id]);
        assert.ok(rooms.every(([status]) => status === 200));
        assert.equal(new Set(rooms.map(([, id]) => id)).size, 40);
        for (const [i, token] of tokens.entries()) assert.equal((await program.post('/rooms/join', { room_id: rooms[i][1] }, { token })).status, 200);
        await program.stop();
    });

    it('nobody waits for the chain behind somebody else', async () => {
        const node = await FakeNode.start(answerName);
        const settings = { CHAIN_MODE: 'rpc', RPC_URL: node.url, REGISTRY_ADDRESS: `0x${'c0'.repeat(20)}`, VERIFICATION_MIRROR_ADDRESS: `0x${'c0'.repeat(20)}` };
        const program = await Program.start([], { settings });
        const [host, stranger] = [1, 2].map(tokenOf);
        const told = [];
        let release;
        const isReleased = new Promise((resolve) => (release = resolve));
        const { json: room } = await program.post('/rooms/create', {}, { token: host });
        node.answer = (...call) => isReleased.then(() => answerName(...call));
        process.kill(program.pid, 'SIGSTOP');
        // One that writes, and behind it one that the node must be asked about.
        const fast = program.post('/rooms/join', { room_id: room.room_id }, { token: host }).then((reply) => told.push(['fast', reply?.status]));
        await sleep(100);
        const slow = program.post('/rooms/create', {}, { token: stranger }).then((reply) => told.push(['slow', reply?.status]));
        await sleep(100);
        process.kill(program.pid, 'SIGCONT');
        await Promise.race([fast, slow, sleep(5000)]);
        assert.deepEqual(told, [['fast', 200]]);
        release();
        await slow;
        assert.deepEqual(told.at(-1), ['slow', 200]);
        await program.stop();
        await node.stop();
    });

    it('a client that hangs up at once disturbs nobody', async () => {
        for (const args of [[], ['--workers', '2'], ['--workers', '2', '--with-parent']]) {
            const program = await Program.start(args);
            const workers = program.workers();
            for (let i = 0; i < 20; i += 1) await new Promise((resolve) => net.connect(program.where).on('error', () => {}).on('close', resolve).end().resume());
            for (let i = 0; i < 4; i += 1) assert.equal((await program.get('/health')).status, 200);
            assert.deepEqual(program.workers(), workers);
            assert.equal(program.log, '');
            await program.stop();
        }
    });

    it('a request over TCP may come slowly', async () => {
        const port = await freePort();
        const program = await Program.start([], { port });
        assert.equal((await program.get('/health', { afterPart: () => sleep(100) })).status, 200);
        await program.stop();
    });

    it('a worker whose socket is closed to all ends in peace', async () => {
        const script = `use Socket; my ($path, @command) = @ARGV;
            close STDIN; socket STDIN, AF_UNIX, SOCK_STREAM, 0; bind STDIN, sockaddr_un($path); listen STDIN, 100;
            my $pid = fork; exec @command if $pid == 0;
            $SIG{USR1} = sub { shutdown STDIN, 2 }; 1 while waitpid($pid, 0) < 0; exit $? >> 8;`;
        for (const args of [[], ['--workers', '2', '--with-parent']]) {
            const folder = temporaryFolder();
            const socket = path.join(folder, 'own.sock');
            const env = environment({ ENVIRONMENT: 'development', CHAIN_MODE: 'mock', DATABASE_PATH: path.join(folder, 'voice.db'), LOG_REQUESTS: 'off', ...secrets });
            const holder = spawn('perl', ['-e', script, socket, path.join(build, 'session-voice'), ...args], { env, stdio: ['ignore', 'inherit', 'pipe'] });
            let log = '';
            holder.stderr.setEncoding('utf8').on('data', (text) => (log += text));
            const exit = new Promise((resolve) => holder.on('exit', resolve));
            await until(async () => (await ask(socket, 'GET', '/health'))?.status === 200, 'it answers');
            await sleep(100);
            holder.kill('SIGUSR1');
            assert.equal(await Promise.race([exit, sleep(20_000, 'it lives', { ref: false })]), 0, log);
            assert.doesNotMatch(log, /accept|epoll/);
        }
    });

    // spawn-fcgi ends itself once it has started the program.
    it('ends with its parent only if it is told to', async () => {
        for (const args of [[], ['--workers', '2']])
            for (const isTold of [true, false]) {
                const folder = temporaryFolder();
                const socket = path.join(folder, 'own.sock');
                const env = environment({ ENVIRONMENT: 'development', CHAIN_MODE: 'mock', DATABASE_PATH: path.join(folder, 'voice.db'), LOG_REQUESTS: 'off', ...secrets });
                const pidFile = path.join(folder, 'pid');
                // A parent that lives for so long as its standard input is open.
                const script = 'spawn-fcgi -n -s "$1" -- "$@" & echo $! >"$0.new" && mv "$0.new" "$0"; cat >/dev/null; :';
                const parent = spawn('sh', ['-c', script.replace('"$@"', '$2'), pidFile, socket, [path.join(build, 'session-voice'), ...args, ...(isTold ? ['--with-parent'] : [])].join(' ')], {
                    env,
                    stdio: ['pipe', 'inherit', 'inherit'],
                });
                await until(async () => existsSync(pidFile) && (await ask(socket, 'GET', '/health'))?.status === 200, 'it answers');
                const pid = Number(readFileSync(pidFile, 'utf8'));
                await until(() => childrenOf(pid).length === args.length, 'all have begun');
                const isOf = (worker) => /^socket:/.test(readlinkSync(`/proc/${worker}/fd/0`)) && readlinkSync(`/proc/${worker}/fd/0`) === readlinkSync(`/proc/${pid}/fd/0`);
                // Only the supervisor holds the socket, where it must close to all when it ends.
                if (args.length > 0) assert.deepEqual(childrenOf(pid).map(isOf), isTold ? [false, false] : [true, true]);
                const ended = new Promise((resolve) => parent.on('exit', resolve));
                const answering = args.length > 0 ? childrenOf(pid) : [pid];
                const before = socketsOf(answering);
                const inHand = ask(socket, 'GET', '/health', {
                    afterPart: async () => {
                        await taken(answering, before);
                        parent.stdin.end();
                        await ended;
                        await sleep(200);
                    },
                });
                assert.equal((await inHand)?.status, 200, `${args} ${isTold}`);
                if (isTold) {
                    await until(() => !isThere(pid), 'it has ended');
                    assert.equal(await ask(socket, 'GET', '/health'), undefined);
                } else {
                    assert.equal((await ask(socket, 'GET', '/health')).status, 200);
                    process.kill(pid, 'SIGTERM');
                    await until(() => !isThere(pid), 'it has ended');
                }
            }
    });

    it('another worker takes the place of one that ended, and the program stays', async () => {
        for (const args of [['--workers', '2'], ['--workers', '2', '--with-parent']]) {
            const program = await Program.start(args);
            program.replaceFile(); // which nobody has asked for
            const replaced = async (signal) => {
                const before = program.workers();
                const begun = performance.now();
                process.kill(before[0], signal);
                await until(() => program.workers().length === 2 && !program.workers().includes(before[0]), `another for one that got ${signal}`);
                return performance.now() - begun;
            };
            // One that dies young might do so again at once. (One that began in the second before is not young.)
            const waited = [];
            while (!waited.some((ms) => ms >= 900) && waited.length < 30) waited.push(await replaced('SIGKILL'));
            assert.ok(waited.length < 30, `${waited}`);
            await sleep(1100);
            await replaced('SIGTERM');
            assert.match(programOf(program.pid), /\(deleted\)$/, 'it has not become another program');
            await until(() => logged(program, /a worker ended; another takes its place/g) === waited.length + 1, 'it says so each time');
            for (let i = 0; i < 4; i += 1) assert.equal((await program.get('/health')).status, 200);
            await program.stop();
        }
    });

    it('a signal makes it the newer program, whose old workers go', async () => {
        for (const args of [[], ['--workers', '2'], ['--workers', '2', '--with-parent']]) {
            const program = await Program.start(args);
            const before = program.workers();
            program.replaceFile();
            assert.match(programOf(program.pid), /\(deleted\)$/);
            program.child.kill('SIGHUP');
            await until(() => programOf(program.pid) === program.file, 'it is the newer one');
            await until(() => !before.some(isThere) && program.workers().length === before.length, 'so are its workers');
            assert.equal((await program.get('/health')).status, 200);
            // One that cannot start is tried once.
            const broken = path.join(program.folder, 'broken');
            writeFileSync(broken, 'no program');
            program.replaceFile(broken);
            program.child.kill('SIGHUP');
            await until(() => logged(program, /would not start/g) === 1, 'it has tried');
            await sleep(1500);
            assert.equal((await program.get('/health')).status, 200);
            assert.equal(logged(program, /would not start/g), 1);
            await program.stop();
        }
    });

    it('becomes the newer program when the database is for that', async () => {
        const program = await Program.start(['--workers', '2']);
        const version = await sqlite(program.database, 'PRAGMA user_version');
        await sqlite(program.database, 'CREATE TABLE of_the_next_version (number INTEGER); PRAGMA user_version = 999');
        program.replaceFile();
        assert.equal((await program.get('/rooms/active')).status, 503);
        await until(() => programOf(program.pid) === program.file, 'it is the newer one');
        await sqlite(program.database, `PRAGMA user_version = ${version}`);
        await until(async () => (await program.get('/rooms/active'))?.status === 200, 'it answers again');
        await program.stop();
    });

    it('a single worker that meets a newer database says so by its status', async () => {
        const program = await Program.start([]);
        await sqlite(program.database, 'CREATE TABLE of_the_next_version (number INTEGER); PRAGMA user_version = 999');
        assert.equal((await program.get('/rooms/active')).status, 503);
        await program.ends(75);
        assert.match(program.log, /older than the database's schema; the worker ends/);
    });

    it('keeps as many workers as it is told', async () => {
        for (const [args, prefix, count] of [
            [['--workers', '3'], [], 3],
            [['--workers', 'cores'], ['/usr/bin/taskset', '-c', '0'], 2], // never one alone
            [['--workers', 'writers'], [], 3],
        ]) {
            const program = await Program.start(args, { prefix });
            await until(() => program.workers().length === count, `${args}: ${count}`);
            await sleep(100);
            assert.equal(program.workers().length, count);
            await program.stop();
        }
    });
});
