// A worker that stands still holds up what it has in hand, and nobody else.
import { after, before, describe, it } from 'node:test';
import { ok, startService } from './service.mjs';

describe('a worker that is stuck', () => {
    let service;
    before(async () => (service = await startService()));
    after(async () => {
        await service.audit();
        await service.stop();
    });

    it('does not stop the heartbeats', async () => {
        const talker = await service.signedIn();
        await talker.host();
        await service.beatsWithOneStuck(talker);
        ok(await talker.leave());
    });
});
