// The adapter for Agora's SDK: what it says to the SDK when something happens to the stay.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { appIdOf, connectVoice } from '../../../cgi-bin/web/agora.js';
import { Emitter } from '../../../cgi-bin/web/environment.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

class FakeStay extends Emitter {
    state = 'in';
    seat = { channel: 'tea', agora_token: '007 first', agora_uid: 5 };
    asked = [];
    check = () => this.asked.push('check');
    yieldSeat = () => this.asked.push('yieldSeat');
}

// Its listeners take several values.
class SdkClient {
    listeners = {};
    on = (name, listener) => (this.listeners[name] = listener);
    emit = (name, ...values) => this.listeners[name](...values);
}

function fakeSdk() {
    const told = [];
    const note =
        (name) =>
        async (...values) => {
            told.push([name, ...values]);
            if (fails.delete(name)) throw new Error(name);
        };
    const fails = new Set();
    const client = new SdkClient();
    for (const name of ['join', 'leave', 'publish', 'renewToken', 'subscribe']) client[name] = note(name);
    client.enableAudioVolumeIndicator = note('enableAudioVolumeIndicator');
    const track = { setMuted: note('setMuted'), close: note('close') };
    const sdk = { createClient: () => client, createMicrophoneAudioTrack: async () => track };
    const take = async () => {
        await settled();
        return told.splice(0).filter(([name]) => name !== 'enableAudioVolumeIndicator' && name !== 'setMuted');
    };
    return { sdk, client, track, told, take, fails };
}

async function connected(options = {}) {
    const fake = fakeSdk();
    const stay = new FakeStay();
    const voice = await connectVoice(fake.sdk, stay, { appId: 'app', ...options });
    return { ...fake, stay, voice };
}

const entered = (token = '007 first') => ['join', 'app', 'tea', token, 5];

describe('the voice of a stay', () => {
    it('finds the project in the token', async () => {
        const file = new URL('../../vectors/agora.json', import.meta.url);
        const { vectors } = JSON.parse(readFileSync(file, 'utf8'));
        const whole = vectors.filter(({ content_hex }) => content_hex !== undefined);
        assert.ok(whole.length > 10);
        for (const { token, app_id } of whole) assert.equal(await appIdOf(token), app_id);
    });

    it('enters with the seat, and publishes the microphone', async () => {
        const { take, track, told, voice } = await connected({ isMuted: true });
        assert.deepEqual(told[0], ['setMuted', true]);
        assert.deepEqual(await take(), [entered(), ['publish', track]]);
        await voice.setMuted(false);
        assert.deepEqual(told, [['setMuted', false]]);
    });

    it('only listens where it is told so', async () => {
        const { take, voice } = await connected({ microphone: false });
        assert.deepEqual(await take(), [entered()]);
        assert.equal(voice.track, undefined);
    });

    it('takes every new token', async () => {
        const { take, stay } = await connected();
        await take();
        stay.emit('token', { agora_token: '007 second' });
        assert.deepEqual(await take(), [['renewToken', '007 second']]);
    });

    it('leaves when the stay is lost, and enters again when it is back', async () => {
        const { take, stay, track } = await connected();
        await take();
        stay.state = 'lost';
        stay.emit('lost', {});
        assert.deepEqual(await take(), [['leave']]);
        stay.state = 'in';
        stay.seat = { ...stay.seat, agora_token: '007 other' };
        stay.emit('back', stay.seat);
        assert.deepEqual(await take(), [entered('007 other'), ['publish', track]]);
    });

    it('leaves at the end, and frees the microphone that it asked for', async () => {
        const { take, stay } = await connected();
        await take();
        stay.state = 'ended';
        stay.emit('ended', {});
        assert.deepEqual(await take(), [['leave'], ['close']]);
        stay.emit('back', stay.seat);
        assert.deepEqual(await take(), []);
    });

    it('enters again with a new token after the old one has expired', async () => {
        const { take, stay, client, track } = await connected();
        await take();
        client.emit('token-privilege-did-expire');
        assert.deepEqual(await take(), [['leave']]);
        assert.deepEqual(stay.asked, ['check']);
        stay.seat = { ...stay.seat, agora_token: '007 second' };
        stay.emit('token', stay.seat);
        assert.deepEqual(await take(), [entered('007 second'), ['publish', track]]);
    });

    it('tries with the next token where it could not enter, and says why', async () => {
        const errors = [];
        const { take, stay, fails, track } = await connected({ onError: (error) => errors.push(error.message) });
        await take();
        stay.emit('lost', {});
        fails.add('join');
        stay.emit('back', stay.seat);
        assert.deepEqual(await take(), [['leave'], entered()]);
        assert.deepEqual(errors, ['join']);
        stay.emit('token', stay.seat);
        assert.deepEqual(await take(), [entered(), ['publish', track]]);
    });

    it('yields to another device with this uid, and asks the service where Agora turned it away', async () => {
        const { stay, client } = await connected();
        client.emit('connection-state-change', 'RECONNECTING', 'CONNECTED');
        client.emit('connection-state-change', 'DISCONNECTED', 'CONNECTED', 'LEAVE');
        assert.deepEqual(stay.asked, []);
        client.emit('connection-state-change', 'DISCONNECTED', 'CONNECTED', 'UID_BANNED');
        client.emit('connection-state-change', 'DISCONNECTED', 'CONNECTED', 'UID_CONFLICT');
        assert.deepEqual(stay.asked, ['check', 'yieldSeat']);
    });
});
