// The disk under PostgreSQL is full: what cannot be kept is refused, nothing is lost, and it is well again with room.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Postgres, startMachine } from './cluster.mjs';
import { checkNothingLost, Load, underLoad } from './load.mjs';
import { sleep, temporaryFolder, until } from './service.mjs';

describe('a full disk under PostgreSQL', () => {
    it('refuses what cannot be kept, and loses nothing', { timeout: 120_000 }, async (t) => {
        const place = temporaryFolder();
        const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', place]);
        if (mounted.status !== 0) return t.skip(`no file system of its own: ${mounted.stderr}`);
        const unmount = () => spawnSync('umount', ['-l', place]);
        process.once('exit', unmount);
        const inside = path.join(place, 'postgresql');
        mkdirSync(inside);
        const settings = { shared_buffers: '4MB', max_wal_size: '4MB', min_wal_size: '2MB', wal_recycle: 'off' };
        const postgres = await Postgres.make({ place: inside, settings, initdb: ['--wal-segsize=1'] });
        const machine = await startMachine(postgres.url(), underLoad);
        const clients = await machine.signedInMany(6);
        const load = new Load([machine], clients, { pauseMs: 20 });
        await until(() => load.tally.answers > 50, 'the load goes on');
        const ballast = path.join(place, 'ballast');
        const fill = () => {
            const { bavail, bsize } = statfsSync(place);
            try {
                writeFileSync(ballast, Buffer.alloc(bavail * bsize), { flag: 'a' });
            } catch (error) {
                assert.equal(error.code, 'ENOSPC'); // the server was faster
            }
        };
        const { refused } = load.tally;
        await until(() => {
            fill(); // what it gave back, too
            return load.tally.refused > refused + 20;
        }, 'nothing can be kept any more', 30_000);
        const wasRunning = postgres.isRunning;
        rmSync(ballast);
        if (wasRunning) await Promise.race([sleep(2000), postgres.ended()]);
        if (!postgres.isRunning) await postgres.start(); // as systemd does
        const { answers } = load.tally;
        await until(() => load.tally.answers > answers + 50, 'the service is well again', 30_000);
        await load.stop();
        const stored = await checkNothingLost(postgres, load, machine);
        console.log(`a full disk: ${load.figures}; the server ${wasRunning ? 'stayed' : 'ended'}; ${stored.stays} stays`);
        await machine.stop();
        await postgres.stop();
        unmount();
        rmSync(place, { recursive: true });
    });
});
