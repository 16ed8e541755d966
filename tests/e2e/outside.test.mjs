// What a service tells others of what its clients do, and what Agora tells it: through the real web server, the real
// notifier, and a receiver that verifies what it gets.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { Agora, Receiver, secret } from './outbox.mjs';
import { build, environment, ok, startService, until } from './service.mjs';

const notificationSecret = 'what Agora signs with';
const appId = '970CA35de60c44645bbae8a215061b33';

async function startTelling() {
    const receiver = await new Receiver().start();
    const agora = await new Agora({ customer: 'customer', password: 'password', appId }).start();
    const service = await startService({
        settings: {
            AGORA_APP_ID: appId,
            AGORA_CUSTOMER_ID: 'customer',
            AGORA_CUSTOMER_SECRET: 'password',
            AGORA_API_URL: agora.url,
            AGORA_NOTIFICATION_SECRET: notificationSecret,
            WEBHOOK_URL: receiver.url,
            WEBHOOK_SECRET: secret,
        },
    });
    const notifier = spawn(path.join(build, 'session-voice-notify'), ['--config', service.config, '--every', '1', '--for', '60'], { env: environment() });
    return {
        service,
        receiver,
        agora,
        // What the application was told of a room, as "participant.left removed".
        told: (room_id) =>
            receiver.requests
                .map(({ body, headers }) => new Webhook(secret).verify(body, headers))
                .filter(({ data }) => data.room_id === room_id)
                .map(({ type, data }) => [type, data.reason].filter(Boolean).join(' ')),
        stop: async () => {
            notifier.kill('SIGTERM');
            await service.audit();
            await service.stop();
            receiver.stop();
            agora.stop();
        },
    };
}

describe('others', () => {
    it('are told who comes and goes, and Agora turns away who was removed within 2 s', async () => {
        const { service, agora, told, stop } = await startTelling();
        const [host, guest] = await service.signedInMany(2);
        const { room_id } = ok(await host.create());
        ok(await host.join(room_id));
        const seat = ok(await guest.join(room_id));
        const removed = await service.request('DELETE', `/rooms/${room_id}/participants/${seat.connection_id}`, { token: host.token });
        ok(removed);
        const removedAt = Date.now();
        await until(() => agora.kicked.length === 1, 'Agora is told');
        const [rule] = agora.kicked;
        assert.ok(rule.at - removedAt < 2000, `${rule.at - removedAt} ms`);
        console.log(`Agora was told ${rule.at - removedAt} ms after the answer`);
        assert.deepEqual([rule.cname, rule.uid], [seat.channel, seat.agora_uid]);
        assert.ok(rule.time_in_seconds > 80 && rule.time_in_seconds <= 90, `${rule.time_in_seconds} s`);
        const again = await guest.join(room_id);
        assert.deepEqual([again.status, again.json.error], [403, 'removed_from_room']);
        ok(await host.leave());
        const expected = ['room.opened', 'participant.joined', 'participant.joined', 'participant.left removed', 'participant.left left', 'room.closed host_left'];
        await until(() => told(room_id).length === expected.length, 'the application is told');
        assert.deepEqual(told(room_id), expected);
        assert.deepEqual(agora.refused, []);
        await stop();
    });

    it('tell that a client has gone, and it is charged to that second', async () => {
        const { service, told, stop } = await startTelling();
        const [host, guest] = await service.signedInMany(2);
        const { room_id } = ok(await host.create());
        ok(await host.join(room_id));
        const seat = ok(await guest.join(room_id));
        const tell = (eventType, clientSeq, reason) => {
            const ts = Math.floor(Date.now() / 1000);
            const payload = { channelName: seat.channel, uid: seat.agora_uid, platform: 7, clientSeq, reason, ts };
            const body = JSON.stringify({ noticeId: `1:${clientSeq}:${eventType}`, productId: 1, eventType, notifyMs: Date.now(), sid: 'x', payload });
            const signature = crypto.createHmac('sha256', notificationSecret).update(body).digest('hex');
            return [body, { 'Agora-Signature-V2': signature }];
        };
        const connected = async () => ok(await host.get(`/rooms/${room_id}`)).participants.find(({ wallet }) => wallet === guest.wallet)?.connected;
        const post = (body, headers) => service.request('POST', '/agora/events', { body, headers });
        assert.equal(await connected(), false);
        ok(await post(...tell(103, 1, 0)));
        assert.equal(await connected(), true);
        const [body] = tell(104, 2, 1);
        const forged = await post(body, { 'Agora-Signature-V2': '0'.repeat(64) });
        assert.equal(forged.status, 401);
        assert.equal(await connected(), true);
        ok(await post(...tell(104, 2, 2)));
        assert.equal(await connected(), undefined);
        const beat = await guest.heartbeat();
        assert.deepEqual([beat.status, beat.json.error], [403, 'not_your_connection']);
        await until(() => told(room_id).includes('participant.left gone'), 'the application is told');
        const back = ok(await guest.join(room_id));
        assert.notEqual(back.agora_uid, seat.agora_uid); // the one before is turned away
        await stop();
    });
});
