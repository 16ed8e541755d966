// Everything moves from an SQLite file into PostgreSQL while people talk, and back; whoever has old settings writes nothing.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeMachine, Postgres } from './cluster.mjs';
import { checkNothingLost, Load, underLoad } from './load.mjs';
import { build, expect, run, sleep, startService } from './service.mjs';

const kills = Number(process.env.MOVE_KILLS ?? 4);

// A machine whose database is that file.
function onFile(file) {
    const { folder, config } = makeMachine('postgresql://nobody@/nowhere', underLoad);
    writeFileSync(config, readFileSync(config, 'utf8').replace(/^DATABASE_URL=.*$/m, `DATABASE_PATH=${file ?? path.join(folder, 'first.db')}`));
    return folder;
}

describe('session-voice-admin move', () => {
    let postgres;
    const services = [];
    const start = async (folder) => {
        const service = await startService({ folder });
        services.push(service);
        return service;
    };
    before(async () => {
        postgres = await Postgres.make();
    });
    after(async () => {
        for (const service of services) await service.stop();
        await postgres?.stop();
    });

    it('loses nothing that was answered, wherever it is killed, and closes what it left', { timeout: 180_000 }, async () => {
        const old = await start(onFile());
        const load = new Load([old], await Promise.all(Array.from({ length: 6 }, () => old.signedIn())));
        await sleep(2000);
        const move = (service, to) => [path.join(build, 'session-voice-admin'), '--config', service.config, 'move', '--yes', '--to', to];
        const dry = await old.admin('move', '--dry-run', '--to', postgres.url());
        assert.equal(dry.code, 0, dry.stderr);
        let ended;
        for (let kill = 0; kill < kills; kill += 1) {
            const within = (0.02 + 0.4 * Math.random() ** 2).toFixed(3);
            ended = await run('timeout', ['-s', 'KILL', within, ...move(old, postgres.url())], { env: old.env });
            if (ended.code === 0) break; // it was faster
        }
        if (ended?.code !== 0) {
            const [program, ...args] = move(old, postgres.url());
            ended = await run(program, args, { env: old.env });
        }
        assert.equal(ended.code, 0, ended.stderr);
        assert.match(ended.stdout, /^moved to postgresql:\/\/voice@\/voice/m);

        // The old one has its old settings still.
        const client = load.callers[0].client;
        expect(await client.at(old).create(), 503, 'database_unavailable');
        assert.match(old.logs(), /this database has moved to postgresql:/);
        assert.notEqual((await old.meter(['--json'])).code, 0);

        const first = await start(makeMachine(postgres.url(), underLoad).folder);
        load.machines = [first];
        await sleep(3000);
        await load.stop();
        const found = await checkNothingLost(postgres, load, first);
        console.log(`# ${load.figures}; ${JSON.stringify(found)}`);
        assert.ok(found.stays > 0);

        // And back.
        const file = path.join(first.folder, 'again.db');
        const [program, ...args] = move(first, file);
        const back = await run(program, args, { env: first.env });
        assert.equal(back.code, 0, back.stderr);
        expect(await client.at(first).create(), 503, 'database_unavailable');
        const again = await start(onFile(file));
        await again.audit();
        const rows = Object.fromEntries([...back.stdout.matchAll(/^(\w+) {2}(\d+)$/gm)].map(([, name, count]) => [name, Number(count)]));
        assert.deepEqual([rows.rooms, rows.connections], [found.rooms, found.stays]);
        await client.at(again).credits();
        rmSync(file, { force: true });
    });

    it('wants no password on its command line', async () => {
        const service = await start(onFile());
        const { code, stderr } = await service.admin('move', '--yes', '--to', 'postgresql://voice:sesame@127.0.0.1/voice');
        assert.equal(code, 1);
        assert.match(stderr, /PGPASSWORD/);
        assert.ok(!stderr.includes('sesame'));
    });
});
