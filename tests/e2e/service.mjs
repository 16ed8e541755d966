// A copy of the service as cgi-bin/run.sh starts it: lighttpd with the repository's configuration, the real workers and
// the real sweep, on a free port with a folder of its own. SESSION_VOICE_BUILD names the folder of the programs
// (default: build), so that the same tests run against sanitized ones.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { privateKeyToAccount } from 'viem/accounts';
import { assertDescribed } from './contract.mjs';
import {
    assertCommandLinesHarmless,
    assertHarmless,
    assertNamesHarmless,
    checkAnswer,
    rememberRequest,
    rememberSettings,
    rememberSettingsFile,
    sampleCommandLines,
} from './secrets.mjs';

export { sleep };

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const build = path.resolve(root, process.env.SESSION_VOICE_BUILD ?? 'build');
// As many as cores, at least two.
export const readerCount = Math.max(availableParallelism(), 2);
// How many there are, over all pools, if so many write. What lighttpd starts is a worker, or keeps as many as its options say.
const workersWith = (writers) =>
    [...readFileSync(path.join(root, 'lighttpd.conf'), 'utf8').matchAll(/SESSION_VOICE_BIN \+ "(.*)",[^]*?"max-procs" => (.*),/g)]
        .map(([, options, processes]) => [Number(options.match(/--workers (\d+)/)?.[1] ?? 1), processes])
        .reduce((sum, [kept, processes]) => sum + kept * ({ 'var.cores': readerCount, 'var.writers': writers }[processes] ?? Number(processes)), 0);
export const workerCount = workersWith(3);
// Where the settings file names a PostgreSQL.
export const workerCountOnPostgres = workersWith(12);

const startMs = 30_000;
const stopMs = 15_000;
const answerMs = 30_000;
const programMs = 60_000;
const stuckMs = 2000;

// What a program may inherit: nothing that could be a setting of ours.
const inherited = ['PATH', 'HOME', 'LANG', 'ASAN_OPTIONS', 'LSAN_OPTIONS', 'UBSAN_OPTIONS'];
export function environment(settings = {}) {
    rememberSettings(settings);
    const kept = inherited.filter((name) => process.env[name] !== undefined);
    return { ...Object.fromEntries(kept.map((name) => [name, process.env[name]])), ...settings };
}

export const temporaryFolder = () => mkdtempSync(path.join(tmpdir(), 'voice-'));

// For the environment of programs: the clock stands at that second.
export function clockAt(unixSeconds) {
    const places = readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime/libfaketime.so.1`);
    const library = places.find((file) => existsSync(file));
    assert.ok(library, 'libfaketime is installed');
    return {
        LD_PRELOAD: library,
        FAKETIME: new Date(unixSeconds * 1000).toISOString().slice(0, 19).replace('T', ' '),
        TZ: 'UTC',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        NO_FAKE_STAT: '1',
        ASAN_OPTIONS: 'verify_asan_link_order=0', // in programs with a sanitizer the library comes before it
    };
}

// Runs SQL, or commands of its own, by the shell of SQLite; what it prints.
export async function sqlite(database, ...commands) {
    const { code, stdout, stderr } = await run('sqlite3', [database, ...commands]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
}

// A tool that shows a test what is stored.
const isTestsOwn = (program) => ['sqlite3', 'psql'].includes(path.basename(program));

// What a CGI program answers is the client's, and an answer like any other; everything else is for whoever reads logs.
function checkOutput(program, args, { stdout, stderr }) {
    const what = `what ${path.basename(program)} ${args.join(' ')} printed`;
    assertHarmless(what, stderr);
    const answer = stdout.match(/^Status: .*?\r\n\r\n(.*)$/s);
    if (answer === null) return assertHarmless(what, stdout);
    let json;
    try {
        json = JSON.parse(answer[1]);
    } catch {} // it has no body
    return checkAnswer(what, { headers: answer[0].slice(0, -answer[1].length), text: answer[1], json });
}

// Runs a program to its end: { code, signal, stdout, stderr, ms }. `killAfterMs` sends it SIGKILL that soon;
// `onStart` gets the child process; `user` is { uid, gid }.
export function run(
    program,
    args,
    { env = environment(), input = '', cwd = root, killAfterMs, onStart, user = {} } = {},
) {
    const named = args[args.indexOf('--config') + 1];
    for (const file of [args.includes('--config') ? named : undefined, env.SESSION_VOICE_CONFIG])
        if (file !== undefined) rememberSettingsFile(file);
    return new Promise((resolve, reject) => {
        const begun = performance.now();
        const child = spawn(program, args, { env, cwd, ...user });
        onStart?.(child);
        const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs ?? programMs);
        let stdout = '';
        let stderr = '';
        child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
        child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
        child.on('error', reject);
        child.on('close', (code, signal) => {
            clearTimeout(timer);
            try {
                if (!isTestsOwn(program)) checkOutput(program, args, { stdout, stderr });
                resolve({ code, signal, stdout, stderr, ms: performance.now() - begun });
            } catch (error) {
                reject(error);
            }
        });
        child.stdin.on('error', () => {}); // it may end without reading
        child.stdin.end(input);
    });
}

// The program's line of cron/crontab, run as cron would, with `places` for the paths in it.
export function runAsCron(program, places) {
    const lines = readFileSync(path.join(root, 'cron/crontab'), 'utf8').split('\n');
    const [line, ...more] = lines.filter((text) => /^[^#\s]/.test(text) && text.includes(program));
    assert.deepEqual(more, []);
    const fields = line.match(/^(\S+ \S+ \S+ \S+ \S+) (.*)$/);
    assert.equal(fields[1], '* * * * *');
    let command = fields[2];
    for (const [place, here] of Object.entries(places)) {
        assert.equal(command.split(place).length, 2, `${place} once in the line`);
        command = command.replace(place, here);
    }
    assert.doesNotMatch(command, /%/); // cron would make a line break of it
    const cron = ['HOME=/', 'LOGNAME=nobody', 'SHELL=/bin/sh', 'PATH=/usr/bin:/bin', '/bin/sh', '-c', command];
    return run('env', ['-i', ...cron], { cwd: '/' });
}

// One HTTP exchange: { status, headers, text, json, ms }. The path goes out as it is given. Rejects if there is no
// whole answer, or one that openapi.json does not describe. No request of these tests may meet a bug, so 500 is never an
// answer. `mount` is where the service is mounted, and goes before the path. `ca` is the certificate of a server that
// speaks TLS.
export function exchange(
    port,
    method,
    rawPath,
    { token, headers = {}, body, agent = false, host = '127.0.0.1', localAddress, mount = '', ca } = {},
) {
    return new Promise((resolve, reject) => {
        const begun = performance.now();
        const sent = { ...headers };
        if (token !== undefined) sent.Authorization = `Bearer ${token}`;
        let bytes;
        if (body !== undefined) {
            bytes =
                Buffer.isBuffer(body) || typeof body === 'string'
                    ? Buffer.from(body)
                    : Buffer.from(JSON.stringify(body));
            sent['Content-Type'] ??= 'application/json';
            if (sent['Transfer-Encoding'] === undefined) sent['Content-Length'] ??= bytes.length;
        } else if (method === 'POST') {
            sent['Content-Length'] ??= 0;
        }
        rememberRequest(sent, body);
        const { request: open } = ca === undefined ? http : https;
        const servername = host === '::1' ? 'localhost' : undefined; // Node 20.19 finds no such address in a certificate
        const request = open({ host, port, localAddress, method, path: mount + rawPath, headers: sent, agent, ca, servername });
        request.setTimeout(answerMs, () => request.destroy(new Error(`no answer to ${method} ${rawPath}`)));
        request.on('error', reject);
        request.on('response', (response) => {
            const chunks = [];
            response.on('data', (chunk) => chunks.push(chunk));
            response.on('error', reject);
            response.on('end', () => {
                const text = Buffer.concat(chunks).toString();
                const isJson = /^application\/json/.test(response.headers['content-type'] ?? '') && text !== '';
                const reply = {
                    status: response.statusCode,
                    headers: response.headers,
                    text,
                    json: isJson ? JSON.parse(text) : undefined,
                    ms: performance.now() - begun,
                };
                if (reply.status === 500) reject(new Error(`${method} ${rawPath} answered 500: ${text}`));
                try {
                    checkAnswer(`${method} ${rawPath}`, reply);
                    assertDescribed(method, rawPath, reply, bytes);
                    resolve(reply);
                } catch (error) {
                    reject(error);
                }
            });
        });
        request.end(bytes);
    });
}

// Sends bytes as they are and gives back everything that comes until the other side closes.
export function exchangeBytes(port, bytes, { hangUpAfterMs } = {}) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1');
        const chunks = [];
        socket.setTimeout(answerMs, () => socket.destroy(new Error('no answer')));
        socket.on('connect', () => {
            socket.write(bytes);
            if (hangUpAfterMs !== undefined) setTimeout(() => socket.destroy(), hangUpAfterMs);
        });
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('error', reject);
        socket.on('close', () => {
            const text = Buffer.concat(chunks).toString('latin1');
            try {
                assertHarmless('an answer', text);
                resolve(text);
            } catch (error) {
                reject(error);
            }
        });
    });
}

// The body of an answer that must be this status.
export function expect(reply, status, error) {
    assert.equal(reply.status, status, `${reply.status} ${reply.text}`);
    if (error !== undefined) assert.equal(reply.json.error, error);
    return reply.json;
}

export const ok = (reply) => expect(reply, 200);

// How often each came: { "200": 1, "401 invalid or expired nonce": 99 }.
export function count(replies) {
    const counts = {};
    for (const { status, json } of replies) {
        const kind = status === 200 ? '200' : `${status} ${json.error}`;
        counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
}

// Waits until `condition` gives something true, and gives that back.
export async function until(condition, what, withinMs = 10_000) {
    const deadline = performance.now() + withinMs;
    for (;;) {
        const result = await condition();
        if (result) return result;
        assert.ok(performance.now() < deadline, `not within ${withinMs} ms: ${what}`);
        await sleep(50);
    }
}

async function isListening(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
        socket.on('connect', () => socket.destroy());
    });
}

export async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.on('listening', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

// The processes that still run with this variable in the environment they were started with, whoever their parent is
// by now. Zombies have none.
function processesMarked(mark) {
    const found = [];
    for (const name of readdirSync('/proc')) {
        if (!/^\d+$/.test(name)) continue;
        try {
            if (readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(mark)) found.push(Number(name));
        } catch {} // it has ended meanwhile
    }
    return found;
}

// The path of the listening socket that is a process's standard input, if there is one.
function socketOf(pid) {
    const [, inode] = readlinkSync(`/proc/${pid}/fd/0`).match(/^socket:\[(\d+)\]$/) ?? [];
    return readFileSync('/proc/net/unix', 'utf8').match(new RegExp(` ${inode} (/.*)$`, 'm'))?.[1] ?? '';
}

function statusOf(pid) {
    try {
        const text = readFileSync(`/proc/${pid}/status`, 'utf8');
        return { name: text.match(/^Name:\t(.*)$/m)[1], parent: Number(text.match(/^PPid:\t(\d+)$/m)[1]) };
    } catch {
        return {}; // it has ended meanwhile
    }
}

let wallets = 0;
const running = new Set();
process.on('exit', () => {
    for (const child of running) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

export class Service {
    constructor(folder, settings, ownGroup, programs) {
        this.programs = programs;
        this.folder = folder;
        this.ownGroup = ownGroup;
        this.config = path.join(folder, 'session-voice.env');
        this.mark = `SESSION_VOICE_TEST=${folder}`;
        this.env = environment({ ...settings, SESSION_VOICE_TEST: folder });
    }

    // Another program may take the port before lighttpd does.
    async start(attempts = 3) {
        try {
            return await this.startOnce();
        } catch (error) {
            this.child?.kill('SIGTERM'); // one that is merely slow does not end by itself
            await this.exit;
            if (attempts === 1 || !/Address already in use/.test(this.logs())) throw error;
            return this.start(attempts - 1);
        }
    }

    async startOnce() {
        this.port = await freePort();
        const child = spawn('cgi-bin/run.sh', [this.programs, String(this.port), this.folder], {
            cwd: root,
            env: this.env,
            stdio: ['ignore', 'pipe', 'pipe'],
            detached: this.ownGroup,
        });
        running.add(child);
        sampleCommandLines();
        let output = '';
        this.exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, output })));
        for (const stream of [child.stdout, child.stderr])
            stream.setEncoding('utf8').on('data', (text) => (output += text));
        child.on('exit', () => running.delete(child));
        this.child = child;
        await until(
            () => {
                assert.equal(child.exitCode, null, `run.sh ended: ${output}`);
                return output.includes(`session-voice ready on http://127.0.0.1:${this.port}\n`);
            },
            'the service is ready',
            startMs,
        );
        // Where a test fails before it stops the service, this process ends all the same, and the service with it.
        for (const handle of [child, child.stdout, child.stderr]) handle.unref();
        return this;
    }

    // For who waits for its end.
    ended() {
        for (const handle of [this.child, this.child.stdout, this.child.stderr]) handle.ref();
        return this.exit;
    }

    processes() {
        return processesMarked(this.mark);
    }

    nameOf(pid) {
        return statusOf(pid).name;
    }

    // The workers of all pools.
    workers() {
        const programs = this.programProcesses();
        const parents = programs.map((pid) => statusOf(pid).parent);
        return programs.filter((pid) => !parents.includes(pid));
    }

    // What the web server started: workers, and what keeps the workers of a pool.
    started() {
        return this.programProcesses().filter((pid) => statusOf(statusOf(pid).parent).name === 'lighttpd');
    }

    programProcesses() {
        return this.processes().filter((pid) => statusOf(pid).name === 'session-voice');
    }

    // Those for reads and heartbeats.
    readers() {
        return this.workers().filter((pid) => path.basename(socketOf(pid)).startsWith('read.sock'));
    }

    // Whichever of the readers stands still: one heartbeat at the most waits behind it.
    async beatsWithOneStuck(talker) {
        const readers = this.readers();
        assert.equal(readers.length, readerCount);
        for (const stuck of readers) {
            process.kill(stuck, 'SIGSTOP');
            const beats = [];
            const waiting = new Set();
            try {
                for (let beat = 0; beat < 10; beat += 1) {
                    const asked = talker.heartbeat();
                    const isOver = () => waiting.delete(asked);
                    beats.push(asked);
                    waiting.add(asked);
                    asked.then(isOver, isOver);
                    await Promise.race([asked, sleep(stuckMs)]);
                }
                // Others may only be slow.
                await until(() => waiting.size <= 1, 'all heartbeats but one', 20_000);
            } finally {
                process.kill(stuck, 'SIGCONT');
            }
            for (const asked of beats) ok(await asked);
        }
    }

    request(method, rawPath, options) {
        return exchange(this.port, method, rawPath, options);
    }

    get(rawPath, options) {
        return this.request('GET', rawPath, options);
    }

    post(rawPath, body, options = {}) {
        return this.request('POST', rawPath, { ...options, body });
    }

    delete(rawPath, options) {
        return this.request('DELETE', rawPath, options);
    }

    // A client with this wallet or one of its own, not signed in yet.
    newClient(account) {
        wallets += 1;
        return new Client(this, account ?? privateKeyToAccount(`0x${wallets.toString(16).padStart(64, '0')}`));
    }

    async signedIn() {
        const client = this.newClient();
        await client.signIn();
        return client;
    }

    async signedInMany(count) {
        const clients = Array.from({ length: count }, () => this.newClient());
        for (const client of clients) await client.signIn();
        return clients;
    }

    admin(...args) {
        return run(path.join(build, 'session-voice-admin'), ['--config', this.config, ...args], { env: this.env });
    }

    // One or more sweeps; the lines that it printed, parsed.
    async sweep(...args) {
        const meter = await this.meter(['--json', ...args]);
        assert.equal(meter.code, 0, meter.stderr);
        return meter.stdout
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line));
    }

    meter(args, options = {}) {
        return run(path.join(build, 'session-voice-meter'), ['--config', this.config, ...args], {
            env: this.env,
            ...options,
        });
    }

    async audit() {
        const { code, stdout, stderr } = await this.admin('audit');
        assert.equal(code, 0, stdout + stderr);
        assert.match(stdout, /^0 violations$/m);
    }

    logs() {
        const names = readdirSync(this.folder).filter((name) => name.endsWith('.log'));
        return names.map((name) => readFileSync(path.join(this.folder, name), 'utf8')).join('');
    }

    // Of whatever was issued until now, nothing may stand where others read.
    assertSecretsKept(...more) {
        rememberSettingsFile(this.config);
        assertHarmless('the logs', [this.logs(), ...more].join('\n'));
        const textfile = this.env.METRICS_TEXTFILE ?? this.settings?.METRICS_TEXTFILE;
        if (textfile !== undefined && existsSync(textfile)) assertHarmless(textfile, readFileSync(textfile, 'utf8'));
        assertNamesHarmless(this.folder);
        assertCommandLinesHarmless();
    }

    // Ends it as an init system would, or as Ctrl-C, which every process of the group gets (see `ownGroup`).
    // Nothing that it started may be left.
    async stop({ keepFolder = false, byCtrlC = false } = {}) {
        if (byCtrlC) process.kill(-this.child.pid, 'SIGINT');
        else this.child.kill('SIGTERM');
        const stuck = sleep(stopMs, 'stuck', { ref: false });
        const end = await Promise.race([this.ended(), stuck]);
        if (end === 'stuck') this.child.kill('SIGKILL');
        assert.notEqual(end, 'stuck', 'run.sh does not end');
        assert.deepEqual([end.code, end.signal], [0, null], end.output);
        await until(() => this.processes().length === 0, 'every process of the service is gone', stopMs);
        assert.equal(await isListening(this.port), false, 'the port is still open');
        assert.doesNotMatch(this.logs(), /Sanitizer|runtime error|Assertion|terminate called/);
        this.assertSecretsKept(end.output);
        if (!keepFolder) rmSync(this.folder, { recursive: true });
    }
}

// A wallet, and what its owner's app does with the service. Every method but signIn gives back the reply.
class Client {
    constructor(service, account) {
        this.service = service;
        this.account = account;
        this.wallet = account.address.toLowerCase();
    }

    // Wallets disagree on what "sign this hex string" means: `as` is 'text' or 'bytes'.
    async sign(nonce, as = 'text') {
        const message = as === 'text' ? nonce : { raw: `0x${nonce}` };
        return this.account.signMessage({ message });
    }

    async nonce() {
        return ok(await this.service.post('/auth/nonce', { wallet: this.wallet })).nonce;
    }

    async signIn(as = 'text') {
        const nonce = await this.nonce();
        const signature = await this.sign(nonce, as);
        this.token = ok(await this.service.post('/auth/verify', { wallet: this.wallet, signature, nonce })).token;
    }

    // The same wallet with the same token and seat, at another machine.
    at(service) {
        return Object.assign(new Client(service, this.account), { token: this.token, seat: this.seat });
    }

    get(rawPath, options = {}) {
        return this.service.get(rawPath, { token: this.token, ...options });
    }

    post(rawPath, body, options = {}) {
        return this.service.post(rawPath, body, { token: this.token, ...options });
    }

    async credits() {
        return ok(await this.get('/credits'));
    }

    create(body, options) {
        return this.post('/rooms/create', body, options);
    }

    async join(room_id, options) {
        const reply = await this.post('/rooms/join', { room_id }, options);
        if (reply.status === 200) this.seat = { room_id, connection_id: reply.json.connection_id };
        return reply;
    }

    heartbeat(options) {
        return this.post('/rooms/heartbeat', this.seat, options);
    }

    renew(options) {
        return this.post('/rooms/token/renew', this.seat, options);
    }

    leave(options) {
        return this.post('/rooms/leave', this.seat, options);
    }

    // Creates a room and joins it; its id.
    async host(body) {
        const { room_id } = ok(await this.create(body));
        ok(await this.join(room_id));
        return room_id;
    }
}

// `settings` win over the ones that the service makes for itself. With the folder of an earlier copy it goes on where
// that one stopped. `ownGroup` puts its processes into a group, as a shell does for a terminal.
export async function startService({
    settings = {},
    folder = temporaryFolder(),
    ownGroup = false,
    programs = build,
} = {}) {
    assert.ok(existsSync(path.join(programs, 'session-voice')), `no programs in ${programs}; run make`);
    return new Service(folder, settings, ownGroup, programs).start();
}
