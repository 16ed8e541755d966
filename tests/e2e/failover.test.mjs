// The primary is lost under load, and a standby takes its place: nothing that was answered is lost, nobody is charged
// twice, and the service goes on by itself.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Postgres, startMachine, urlOf } from './cluster.mjs';
import { checkNothingLost, Load, pause, underLoad } from './load.mjs';
import { ok, sleep, until } from './service.mjs';

const rounds = Number(process.env.FAILOVER_ROUNDS ?? 1);
const outageMs = 15_000; // from the promotion on

// Renews every 100 ms by one machine, and knows how long it got no answer.
class Prober {
    constructor(machine, client) {
        this.client = client.at(machine);
        this.goodAt = performance.now();
        this.longestMs = 0;
        this.isOver = false;
        this.run = this.loop();
    }

    async loop() {
        while (!this.isOver) {
            const reply = await this.client.renew().catch(() => undefined);
            const now = performance.now();
            if (reply?.status === 200) {
                this.longestMs = Math.max(this.longestMs, now - this.goodAt);
                this.goodAt = now;
            }
            await pause(100);
        }
    }

    async stop() {
        this.isOver = true;
        await Promise.race([this.run, sleep(30_000)]);
    }
}

describe('the primary and its standby', () => {
    let primary;
    let standby;
    let machines;
    before(async () => {
        primary = await Postgres.make();
        standby = await primary.standby();
        // Those of later rounds stand in the folders of the first two, so the machines' settings stay as they are.
        machines = await Promise.all([1, 2].map(() => startMachine(urlOf(primary, standby), underLoad)));
    });
    after(async () => {
        for (const machine of machines ?? []) await machine.stop();
        await primary?.stop();
        await standby?.stop();
    });

    it(`nothing is lost when the primary is killed, ${rounds} times`, { timeout: 90_000 + rounds * 60_000 }, async () => {
        const clients = await Promise.all(Array.from({ length: 8 }, (_, i) => machines[i % 2].signedIn()));
        const hosts = await Promise.all(machines.map((machine) => machine.signedIn()));
        for (const host of hosts) await host.host();
        const load = new Load(machines, clients);
        const probers = machines.map((machine, i) => new Prober(machine, hosts[i]));
        let longestMs = 0;
        for (let round = 1; round <= rounds; round += 1) {
            const { answers } = load.tally;
            await until(() => load.tally.answers >= answers + 60, 'the load goes on', 20_000);
            await sleep(Math.random() * 300);
            await primary.kill();
            await standby.promote();
            const promoted = performance.now();
            const last = load.tally.answers;
            await until(
                () => probers.every(({ goodAt }) => goodAt > promoted) && load.tally.answers > last + 10,
                'every machine answers by itself',
                outageMs,
            );
            longestMs = Math.max(longestMs, performance.now() - promoted);
            [primary, standby] = [standby, primary];
            // The one that was killed comes back as the standby.
            if (round < rounds) await primary.standby({ inPlaceOf: standby });
        }
        for (const prober of probers) await prober.stop();
        await load.stop();
        const stored = await checkNothingLost(primary, load, machines[0]);
        for (const { client } of probers) {
            const { debited_seconds } = ok(await client.leave());
            assert.equal((await client.credits()).consumed_seconds, debited_seconds);
        }
        await machines[0].audit();
        console.log(
            `${rounds} failovers: ${load.figures}; every machine answered ${Math.round(longestMs)} ms after the promotion at ` +
                `the latest, the longest outage was ${Math.round(Math.max(...probers.map((prober) => prober.longestMs)))} ms; ` +
                `${stored.rooms} rooms, ${stored.stays} stays, ${stored.debited} s debited`,
        );
    });

    it('who finds itself on a server that has become read-only goes to the other', { timeout: 60_000 }, async () => {
        if (!standby.isRunning) await primary.standby({ inPlaceOf: standby });
        const client = await machines[0].signedIn();
        const room_id = await client.host();
        for (const machine of machines) ok(await client.at(machine).renew());
        await primary.psql('ALTER SYSTEM SET default_transaction_read_only = on');
        await primary.psql('SELECT pg_reload_conf()');
        await standby.promote();
        const told = await client.at(machines[1]).renew(); // the one that is in hand is told
        if (told.status !== 200) assert.deepEqual([told.status, told.json.error], [503, 'database_unavailable']);
        for (const machine of machines) {
            const there = client.at(machine);
            await until(async () => (await there.renew()).status === 200, 'a renewal is written', outageMs);
            await until(async () => (await there.post('/credits/verify-celo')).status === 200, 'so is a bonus', outageMs);
        }
        [primary, standby] = [standby, primary];
        assert.equal(await primary.psql(`SELECT count(*) FROM rooms WHERE room_id = '${room_id}'`), '1');
        assert.equal(
            await primary.psql(`SELECT count(*) FROM credit_events WHERE wallet = '${client.wallet}' AND kind = 'grant_celo_bonus'`),
            '1',
        );
        await standby.kill();
        ok(await until(async () => [await client.leave()].find(({ status }) => status === 200), 'the stay ends', outageMs));
        await machines[1].audit();
    });
});
