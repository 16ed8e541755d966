// Replacing the program while it serves, and a program that is older than the database.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { build, exchange, ok, run, sleep, startService, temporaryFolder, until, workerCount } from './service.mjs';

const programs = ['session-voice', 'session-voice-meter', 'session-voice-attest', 'session-voice-notify', 'session-voice-admin'];
const seconds = Number(process.env.REPLACE_SECONDS ?? 10);
const replacements = 10;

function copyOfPrograms() {
    const folder = path.join(temporaryFolder(), 'bin');
    mkdirSync(folder);
    for (const name of programs) copyFileSync(path.join(build, name), path.join(folder, name));
    return folder;
}

// As a package manager does it: the new file is whole before it takes the name.
function install(source, folder) {
    const next = path.join(folder, '.session-voice.new');
    copyFileSync(source, next);
    renameSync(next, path.join(folder, 'session-voice'));
}

describe('the program', { concurrency: 2 }, () => {
    it('is replaced under load, and no request is lost', { timeout: 120_000 + seconds * 1000 }, async () => {
        const folder = copyOfPrograms();
        const service = await startService({ programs: folder });
        const agent = new http.Agent({ keepAlive: true });
        const clients = await service.signedInMany(8);
        let isOver = false;
        let answers = 0;
        const slowest = { ms: 0 };
        const count = (reply) => {
            ok(reply);
            answers += 1;
            slowest.ms = Math.max(slowest.ms, reply.ms);
        };
        const loads = clients.map(async (client) => {
            while (!isOver) {
                const created = await client.create(undefined, { agent });
                count(created);
                count(await client.join(created.json.room_id, { agent }));
                for (let beat = 0; beat < 10; beat += 1) {
                    count(await client.heartbeat({ agent }));
                    count(await client.get('/credits', { agent }));
                    count(await exchange(service.port, 'GET', '/rooms/active', { agent }));
                }
                count(await client.renew({ agent }));
                count(await client.leave({ agent }));
            }
        });
        const before = service.started();
        // The file that a process runs; a replaced one has lost its name.
        const isCurrent = (pid) => readlinkSync(`/proc/${pid}/exe`) === path.join(folder, 'session-voice');
        try {
            assert.equal(service.workers().length, workerCount);
            for (let i = 0; i < replacements; i += 1) {
                await sleep((seconds * 1000) / (replacements + 1));
                install(path.join(build, 'session-voice'), folder);
                assert.ok(!before.some(isCurrent));
                for (const pid of before) process.kill(pid, 'SIGHUP');
                await until(() => before.every(isCurrent), 'every worker runs the new program', 20_000);
            }
            await sleep((seconds * 1000) / (replacements + 1));
        } finally {
            isOver = true;
        }
        await Promise.all(loads);
        agent.destroy();
        assert.deepEqual(service.started().sort(), before.sort());
        console.log(`${answers} answers while it was replaced ${replacements} times in ${seconds} s, none lost, the slowest after ${Math.round(slowest.ms)} ms`);
        assert.ok(answers > 100 * seconds, `${answers} answers`);
        await service.audit();
        await service.stop();
    });

    // A handler that only takes a note of it would let a service live on that is stopped while it starts.
    it('handles no signal to end before it has workers to tell', async () => {
        const service = await startService();
        const own = ['-n', '-s', path.join(service.folder, 'own.sock'), '--', path.join(build, 'session-voice'), '--workers', '2'];
        const supervisor = spawn('spawn-fcgi', own, { env: { ...service.env, SESSION_VOICE_CONFIG: service.config }, stdio: ['ignore', 'inherit', 'inherit'] });
        await until(() => service.workers().length === workerCount + 2, 'its workers are there');
        const handlesSigterm = (pid) => {
            const [, caught] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^SigCgt:\s+(\w+)$/m);
            return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
        };
        const isWorker = (pid) => service.workers().includes(pid);
        for (const pid of [...service.started(), supervisor.pid]) assert.equal(handlesSigterm(pid), isWorker(pid), `${pid}`);
        supervisor.kill();
        await until(() => service.workers().length === workerCount, 'it has ended');
        await service.stop();
    });

    // systemd does so for each command that it runs for a unit, a reload's too.
    it('ends even if somebody else makes its socket wait', async () => {
        const service = await startService();
        const socket = path.join(service.folder, 'own.sock');
        const script = `use Socket; use Fcntl; my ($path, @command) = @ARGV;
            close STDIN; socket STDIN, AF_UNIX, SOCK_STREAM, 0; bind STDIN, sockaddr_un($path); listen STDIN, 100;
            my $pid = fork; exec @command if $pid == 0; $SIG{TERM} = sub { kill TERM => $pid };
            for (1 .. 20_000) { last if waitpid($pid, 1); fcntl STDIN, F_SETFL, O_RDWR; select undef, undef, undef, 0.001 }`;
        const command = [path.join(build, 'session-voice'), '--workers', '2'];
        const env = { ...service.env, SESSION_VOICE_CONFIG: service.config };
        const meddler = spawn('perl', ['-e', script, socket, ...command], { env, stdio: ['ignore', 'inherit', 'inherit'] });
        const ended = new Promise((resolve) => meddler.once('exit', resolve));
        await until(() => service.workers().length === workerCount + 2, 'its workers are there');
        // What is said to none of them: it is heard, and next they ask whether somebody else is there.
        for (let i = 0; i < 4; i += 1)
            await new Promise((resolve) => net.connect(socket).end().resume().once('close', resolve));
        meddler.kill();
        assert.equal(await Promise.race([ended, sleep(5000, 'it lives')]), 0);
        await service.stop();
    });

    it('goes on as it is when its successor would not start', async () => {
        const folder = copyOfPrograms();
        const service = await startService({ programs: folder });
        const started = service.started();
        const broken = path.join(folder, 'broken');
        writeFileSync(broken, 'no program');
        install(broken, folder);
        for (const pid of started) process.kill(pid, 'SIGHUP');
        await until(() => (service.logs().match(/would not start/g) ?? []).length === started.length, 'all have tried');
        assert.deepEqual(service.started().sort(), started.sort());
        ok(await (await service.signedIn()).create());
        await service.stop();
    });

    it('finishes what it has in hand, and takes nothing more', async () => {
        const service = await startService();
        const client = await service.signedIn();
        await client.host();
        // All at once, and the end amid them: whatever is answered at all is answered whole.
        const beats = Array.from({ length: 64 }, () => client.heartbeat().catch((error) => error));
        await sleep(20);
        for (const pid of service.workers()) process.kill(pid, 'SIGTERM');
        const replies = await Promise.all(beats);
        const answered = replies.filter((reply) => reply.status === 200);
        assert.ok(answered.length >= 1, `${replies[0].text ?? replies[0]}`);
        for (const reply of answered) assert.equal(reply.json.ok, true);
        await service.audit();
        await service.stop();
    });

    it('ends when the database is newer than it is, and says so', async () => {
        const folder = copyOfPrograms();
        const service = await startService({ programs: folder });
        const client = await service.signedIn();
        await client.host();
        ok(await client.heartbeat());
        const database = path.join(service.folder, 'session-voice.db');
        const sqlite = async (script) => {
            const { code, stdout, stderr } = await run('sqlite3', [database, script]);
            assert.equal(code, 0, stderr);
            return stdout.trim();
        };
        const version = await sqlite('PRAGMA user_version');
        await sqlite('CREATE TABLE of_the_next_version (number INTEGER); PRAGMA user_version = 999');
        const refused = await client.heartbeat();
        assert.equal(refused.status, 503, refused.text);
        assert.equal(refused.json.error, 'database_unavailable');
        assert.match(refused.headers['retry-after'], /^\d+$/);
        await until(() => /older than the database's schema; the worker ends/.test(service.logs()), 'a worker says why');

        await sqlite(`PRAGMA user_version = ${version}`);
        await until(async () => (await client.heartbeat()).status === 200, 'the service is back');
        await service.stop();
    });
});
