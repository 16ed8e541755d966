// Copies of the service side by side, stopped and started again, and stopped under load.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { expect, ok, sleep, startService } from './service.mjs';

describe('copies of the service', { concurrency: 4 }, () => {
    it('run side by side and share nothing', async () => {
        const [first, second] = await Promise.all([startService(), startService()]);
        const client = await first.signedIn();
        const room_id = await client.host();
        assert.deepEqual(ok(await second.get('/rooms/active')).rooms, []);
        expect(await second.get('/credits', { token: client.token }), 401, 'unauthorized');
        await first.stop();
        const other = await second.signedIn();
        expect(await other.join(room_id), 404, 'room_not_found');
        await other.host();
        await second.audit();
        await second.stop();
    });

    it('started again, it keeps its data and its secrets', async () => {
        const first = await startService();
        const client = await first.signedIn();
        const room_id = await client.host();
        const settings = readFileSync(first.config, 'utf8');
        assert.equal(statSync(first.config).mode & 0o077, 0, 'the secrets are readable by others');
        await first.stop({ keepFolder: true });

        const second = await startService({ folder: first.folder });
        client.service = second;
        assert.equal(readFileSync(second.config, 'utf8'), settings);
        ok(await client.heartbeat());
        const refused = await client.create();
        expect(refused, 409, 'already_in_free_room');
        assert.equal(refused.json.room_id, room_id);
        assert.equal(ok(await client.leave()).closed, true);
        await second.audit();
        await second.stop();
    });

    it('every worker ends with it', async () => {
        const service = await startService();
        const names = service.processes().map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
        const count = (name) => names.filter((other) => other === name).length;
        assert.equal(count('lighttpd'), 1, names.join(' '));
        assert.ok(count('session-voice') >= 6, names.join(' '));
        await service.stop(); // which looks for all of them
    });

    it('ends by Ctrl-C', async () => {
        const service = await startService({ ownGroup: true });
        const client = await service.signedIn();
        await client.host();
        await service.stop({ byCtrlC: true, keepFolder: true });
        await service.audit();
        rmSync(service.folder, { recursive: true });
    });

    it('stopped under load, it forgets nothing that it acknowledged', async () => {
        const first = await startService();
        const clients = await first.signedInMany(24);

        // Each goes round and round; `asked` is what it has no answer to when the server goes.
        let stopping = false;
        const goRound = async (client) => {
            Object.assign(client, { debited: 0, done: 'nothing', rounds: 0 });
            const step = async (name, request) => {
                client.asked = name;
                const body = ok(await request());
                client.done = name;
                client.asked = undefined;
                return body;
            };
            for (let round = 0; round < 1000; round += 1) {
                client.room_id = (await step('create', () => client.create())).room_id;
                await step('join', () => client.join(client.room_id));
                await step('heartbeat', () => client.heartbeat());
                await step('renew', () => client.renew());
                client.debited += (await step('leave', () => client.leave())).debited_seconds;
                client.rounds += 1;
            }
            assert.fail('the load ended before the server');
        };
        const load = clients.map((client) =>
            goRound(client).catch((error) => {
                if (!stopping || error.code === 'ERR_ASSERTION') throw error;
            }),
        );
        await Promise.race([sleep(1500), ...load]);
        stopping = true;
        const [stopped] = await Promise.all([first.stop({ keepFolder: true }), ...load]);
        assert.equal(stopped, undefined);
        assert.ok(clients.every((client) => client.rounds > 0));

        const second = await startService({ folder: first.folder });
        for (const client of clients) {
            client.service = second;
            const { done, asked, room_id } = client;
            const label = `${done} was acknowledged, ${asked} was not`;
            if (['join', 'heartbeat', 'renew'].includes(done)) {
                const beat = await client.heartbeat();
                if (asked === 'leave') assert.ok([200, 403].includes(beat.status), label);
                else ok(beat);
            } else if (done === 'create') {
                const refused = await client.create();
                assert.ok([refused.json.error, asked].includes('already_hosting_free_room') || asked === 'join', label);
                expect(refused, 409);
                assert.equal(refused.json.room_id, room_id, label);
            } else {
                expect(await client.heartbeat(), 403, 'not_your_connection');
            }
            const { consumed_seconds, base_granted_seconds } = await client.credits();
            assert.ok(consumed_seconds >= client.debited, label);
            assert.equal(base_granted_seconds, 1800);
        }
        await second.audit();
        await second.stop();
    });
});
