// A call that outlives its access token: by refreshing, and at its end without.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ok, sleep, startService } from './service.mjs';

const ttlSeconds = 5;
const callSeconds = 21; // four tokens and a little

describe('an access token of five seconds', () => {
    let service;
    before(async () => {
        service = await startService({ settings: { JWT_TTL_SECONDS: String(ttlSeconds) } });
    });
    after(async () => {
        await service.audit();
        await service.stop();
    });

    const refresh = (client) => service.post('/auth/refresh', {}, { token: client.token });

    it('carries a long call by refresh alone', async (t) => {
        const client = await service.signedIn();
        await client.host();
        const first = client.token;
        let signed = 0;
        client.account = { ...client.account, signMessage: () => (signed += 1) };
        let refreshes = 0;
        const begun = performance.now();
        for (let second = 1; second <= callSeconds; second += 1) {
            await sleep(begun + second * 1000 - performance.now());
            if (second % (ttlSeconds - 1) === 0) {
                const answer = ok(await refresh(client));
                assert.equal(answer.expires_in, ttlSeconds);
                client.token = answer.token;
                refreshes += 1;
            }
            ok(await client.heartbeat());
            if (second % 3 === 0) ok(await client.renew());
        }
        ok(await client.leave());
        assert.equal(signed, 0);
        assert.equal((await service.get('/credits', { token: first })).status, 401, 'the first token has long expired');
        t.diagnostic(`${callSeconds} s of talk, ${refreshes} refreshes, no signature but the first`);
    });

    it('that has expired is still good for the next, and for leaving', async () => {
        const client = await service.signedIn();
        await client.host();
        await sleep((ttlSeconds + 1) * 1000);
        assert.equal((await client.heartbeat()).status, 401);
        ok(await client.leave());
        client.token = ok(await refresh(client)).token;
        ok(await client.get('/credits'));
    });

    it('of a banned wallet is not refreshed', async () => {
        const client = await service.signedIn();
        await service.admin('ban', client.wallet, '--reason', 'was rude');
        const refused = await refresh(client);
        assert.deepEqual([refused.status, refused.json.error], [403, 'banned']);
    });
});
