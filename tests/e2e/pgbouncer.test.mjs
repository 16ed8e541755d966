// PgBouncer between the machines and PostgreSQL, in transaction mode: many workers share few connections of the server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chownSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { asPostgres, Postgres, startMachine } from './cluster.mjs';
import { checkNothingLost, Load, underLoad } from './load.mjs';
import { environment, ok, sleep, temporaryFolder, until } from './service.mjs';

const program = '/usr/sbin/pgbouncer';
const port = 6432;
const mostConnections = 3;

describe('behind PgBouncer', { skip: !existsSync(program) && 'PgBouncer is not installed' }, () => {
    let postgres;
    let bouncer;
    let machines;
    const folder = temporaryFolder();
    let output = '';
    const kill = () => bouncer.kill('SIGKILL');
    before(async () => {
        postgres = await Postgres.make();
        const settings = path.join(folder, 'pgbouncer.ini');
        writeFileSync(
            settings,
            `[databases]
voice = host=${postgres.folder} port=${postgres.port} dbname=voice user=voice
[pgbouncer]
listen_addr =
listen_port = ${port}
unix_socket_dir = ${folder}
auth_type = any
pool_mode = transaction
default_pool_size = ${mostConnections}
max_client_conn = 100
server_reset_query =
`,
        );
        if (asPostgres.uid !== undefined) chownSync(folder, asPostgres.uid, asPostgres.gid);
        bouncer = spawn(program, [settings], { cwd: folder, env: environment(), ...asPostgres });
        process.on('exit', kill);
        for (const stream of [bouncer.stdout, bouncer.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
        await until(() => {
            assert.equal(bouncer.exitCode, null, output);
            return existsSync(path.join(folder, `.s.PGSQL.${port}`));
        }, 'PgBouncer listens');
        const url = `postgresql://voice@/voice?host=${folder}&port=${port}`;
        const rules = { ...underLoad, DATABASE_PREPARE: 'off' };
        machines = await Promise.all([1, 2].map(() => startMachine(url, rules)));
    });
    after(async () => {
        for (const machine of machines ?? []) await machine.stop();
        const end = new Promise((resolve) => bouncer.on('exit', resolve));
        kill();
        await end;
        await postgres?.stop();
        rmSync(folder, { recursive: true });
    });

    it('a call goes from its beginning to its end', async () => {
        const [host, guest] = await machines[0].signedInMany(2);
        const room_id = await host.host();
        ok(await guest.at(machines[1]).join(room_id));
        await sleep(1100);
        ok(await host.at(machines[1]).renew());
        ok(await host.heartbeat());
        const left = ok(await host.leave());
        assert.ok(left.closed && left.debited_seconds >= 1);
        assert.equal((await host.at(machines[1]).credits()).consumed_seconds, left.debited_seconds);
        await machines[1].sweep();
        assert.equal(ok(await machines[0].get('/health')).ok, true);
        await machines[1].audit();
    });

    it(`workers share ${mostConnections} connections, and each transaction is whole`, async () => {
        const load = new Load(machines, await machines[0].signedInMany(10), { pauseMs: 20 });
        let most = 0;
        for (const end = performance.now() + 3000; performance.now() < end; ) {
            most = Math.max(most, Number(await postgres.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'voice'")));
            await sleep(100);
        }
        await load.stop();
        await checkNothingLost(postgres, load, machines[1]);
        assert.deepEqual([load.tally.refused, load.tally.unanswered], [0, 0], load.figures);
        assert.ok(most > 1 && most <= mostConnections, `${most} connections`);
        assert.ok(load.tally.answers > 50, load.figures);
        console.log(`22 workers by ${most} connections: ${load.figures}`);
    });
});
