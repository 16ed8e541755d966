// A node that accepts every call and never answers. Who needs it waits; nobody else does.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { exchange, ok, sleep, startService, until, workerCount } from './service.mjs';
import { FakeNode, answerName, hang } from './node.mjs';

const rounds = 3; // each first without, then with the hanging clients
const roundMs = 3000;
const beatBoundMs = 2000;
const joinBoundMs = 5000;

function quantile(times, share) {
    const sorted = Float64Array.from(times).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

describe('a node that hangs', () => {
    let node;
    let service;
    let talkers; // in rooms, with a heartbeat each
    let joiners; // have their base grant, in no room
    let strangers; // the chain must be asked about them
    let settings;
    before(async () => {
        node = await FakeNode.start(answerName);
        settings = {
            CHAIN_MODE: 'rpc',
            RPC_URL: `http://127.0.0.1:${node.port}/`,
            RPC_TIMEOUT_MS: '5000',
            REGISTRY_ADDRESS: `0x${'c0'.repeat(20)}`,
            VERIFICATION_MIRROR_ADDRESS: `0x${'c0'.repeat(20)}`,
        };
        service = await startService({ settings });
        talkers = await service.signedInMany(4);
        joiners = await service.signedInMany(2);
        strangers = await service.signedInMany(8);
        for (const client of talkers) await client.host();
        for (const client of joiners) {
            await client.host();
            ok(await client.leave());
        }
    });
    after(async () => {
        await node.stop();
        await service.audit();
        await service.stop();
    });

    // Again and again for so long.
    async function repeat(forMs, request) {
        const deadline = performance.now() + forMs;
        for (let i = 0; i < 100_000 && performance.now() < deadline; i += 1) await request();
    }

    // Four connections, one request after the other on each; how long each took, in ms.
    async function heartbeats(forMs) {
        const times = [];
        const beating = talkers.map(async ({ token, seat }) => {
            const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
            await repeat(forMs, async () => {
                const reply = await exchange(service.port, 'POST', '/rooms/heartbeat', { token, body: seat, agent });
                assert.equal(ok(reply).ok, true);
                times.push(reply.ms);
            });
            agent.destroy();
        });
        await Promise.all(beating);
        return times;
    }

    // Strangers ask again and again what the node must be asked about, and it hangs, for as long as `meanwhile` takes. Then it
    // hangs up.
    async function whileHanging(meanwhile, question = (client) => client.create()) {
        node.answer = hang;
        let over = false;
        const asking = strangers.map(async (client) => {
            for (let i = 0; i < 1000 && !over; i += 1) {
                const reply = await question(client);
                assert.deepEqual([reply.status, reply.json.error], [503, 'chain_unavailable']);
            }
        });
        try {
            await sleep(300); // until the calls to the node hang
            await meanwhile();
        } finally {
            over = true;
            node.answer = (request) => request.socket.destroy();
            node.hangUp();
        }
        await Promise.all(asking);
    }

    it('heartbeats go on', async (t) => {
        const times = { without: [], hanging: [] };
        for (let round = 0; round < rounds; round += 1) {
            times.without.push(...(await heartbeats(roundMs)));
            await whileHanging(async () => times.hanging.push(...(await heartbeats(roundMs))));
        }
        t.diagnostic(`${times.without.length} heartbeats without and ${times.hanging.length} with hanging clients`);
        for (const [name, share] of [
            ['p50', 0.5],
            ['p99', 0.99],
        ]) {
            const [without, hanging] = [quantile(times.without, share), quantile(times.hanging, share)];
            const ratio = (hanging / without).toFixed(2);
            t.diagnostic(`${name} ${without.toFixed(2)} ms without, ${hanging.toFixed(2)} ms with: ratio ${ratio}`);
        }
        const slowest = Math.max(quantile(times.without, 1), quantile(times.hanging, 1));
        assert.ok(slowest < beatBoundMs, `a heartbeat took ${slowest} ms`);
    });

    it('who has the grant goes on joining', async (t) => {
        const replies = [];
        await whileHanging(async () => {
            const { room_id } = talkers[0].seat;
            const joining = joiners.map((client) =>
                repeat(roundMs, async () => {
                    replies.push(await client.join(room_id));
                    ok(replies.at(-1));
                    ok(await client.leave());
                }),
            );
            await Promise.all(joining);
        });
        const slowest = Math.max(...replies.map((reply) => reply.ms));
        t.diagnostic(`${replies.length} joins, the slowest ${slowest.toFixed(0)} ms`);
        assert.ok(slowest < joinBoundMs, `a join took ${slowest} ms`);
    });

    it('who signs by their own key signs in', async (t) => {
        // Any signature that is not the key's may be a contract's.
        const byContract = ({ wallet }) =>
            service.post('/auth/verify', { wallet, nonce: '0'.repeat(64), signature: `0x${'17'.repeat(65)}` });
        const times = { without: [], hanging: [] };
        const signIns = (into) =>
            Promise.all(
                talkers.map((client) =>
                    repeat(roundMs, async () => {
                        const nonce = await client.nonce();
                        const signature = await client.sign(nonce);
                        const reply = await service.post('/auth/verify', { wallet: client.wallet, nonce, signature });
                        ok(reply);
                        into.push(reply.ms);
                    }),
                ),
            );
        for (let round = 0; round < rounds; round += 1) {
            await signIns(times.without);
            await whileHanging(() => signIns(times.hanging), byContract);
        }
        const [without, hanging] = [quantile(times.without, 0.99), quantile(times.hanging, 0.99)];
        t.diagnostic(`${times.without.length} without and ${times.hanging.length} with hanging questions`);
        t.diagnostic(`p99 ${without.toFixed(2)} ms without, ${hanging.toFixed(2)} ms with: ratio ${(hanging / without).toFixed(2)}`);
        const slowest = Math.max(quantile(times.without, 1), quantile(times.hanging, 1));
        assert.ok(slowest < beatBoundMs, `signing in took ${slowest} ms`);
    });

    it('goes on as before once the node answers', async () => {
        node.answer = answerName;
        for (const client of strangers) ok(await client.create());
    });

    // A web server that still finds somebody at a killed worker's socket takes it for somebody else's, for good.
    it('does not keep the web server from starting others for those that are killed meanwhile', async () => {
        node.answer = hang;
        const other = await startService({ settings });
        const clients = await other.signedInMany(3);
        const create = (client) => client.create().catch((error) => error);
        const calls = node.calls;
        const lost = clients.slice(1).map(create);
        await until(() => node.calls === calls + 2, 'the calls hang');
        const killed = other.started();
        for (const pid of killed) process.kill(pid, 'SIGKILL');
        await Promise.all(lost);
        node.answer = answerName;
        await until(async () => (await create(clients[0])).status === 200, 'somebody can make a room', 20_000);
        await until(() => other.workers().length === workerCount, 'all workers are back', 20_000);
        assert.ok(!other.workers().some((pid) => killed.includes(pid)));
        await other.audit();
        await other.stop();
    });

    it('can be stopped meanwhile', async () => {
        node.answer = hang;
        const other = await startService({ settings: { ...settings, RPC_TIMEOUT_MS: '3000' } });
        const client = await other.signedIn();
        const calls = node.calls;
        const lost = client.create().catch((error) => error);
        await until(() => node.calls > calls, 'the call hangs');
        await other.stop({ keepFolder: true });
        assert.notEqual((await lost).status, 200);
        await other.audit();
        rmSync(other.folder, { recursive: true });
    });
});
