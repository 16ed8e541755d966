// A stay's voice, by Agora's Web SDK (agora-rtc-sdk-ng), which the page gives: its AgoraRTC. Enters the channel, takes
// every new token, leaves when the stay is lost, and enters again when it is back.

// Agora's AccessToken2 says for which project it is: after "007", deflated, a signature, then the project's id, each
// with its length before it.
export async function appIdOf(token) {
    const packed = Uint8Array.from(atob(token.slice(3)), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const lengthAt = (at) => bytes[at] + 256 * bytes[at + 1];
    const at = 2 + lengthAt(0);
    return new TextDecoder().decode(bytes.slice(at + 2, at + 2 + lengthAt(at)));
}

// What Agora says when another device has entered with this uid.
const elsewhere = 'UID_CONFLICT';

export async function connectVoice(AgoraRTC, stay, { appId, microphone = true, isMuted = false, onError } = {}) {
    const client = AgoraRTC.createClient({ mode: 'rtc', codec: 'vp8' });
    const track = microphone === true ? await AgoraRTC.createMicrophoneAudioTrack() : microphone || undefined;
    const unlisten = [];
    let last = Promise.resolve();
    let isIn = false;

    // One after the other, whatever comes meanwhile.
    const then = (step) => (last = last.then(step).catch((error) => (onError ?? console.error)(error)));
    const enter = async () => {
        if (isIn || stay.state !== 'in') return;
        const { channel, agora_token, agora_uid } = stay.seat;
        await client.join(appId ?? (await appIdOf(agora_token)), channel, agora_token, agora_uid);
        isIn = true;
        if (track) await client.publish(track);
    };
    const exit = async () => {
        if (!isIn) return;
        isIn = false;
        await client.leave();
    };
    const stop = () => {
        unlisten.splice(0).forEach((end) => end());
        then(exit);
        return then(() => track && track !== microphone && track.close());
    };

    client.on('user-published', async (user, mediaType) => {
        if (mediaType !== 'audio') return;
        await client.subscribe(user, mediaType).then((heard) => heard.play(), onError ?? console.error);
    });
    client.on('token-privilege-did-expire', () => {
        then(exit);
        stay.check(); // brings a token
    });
    client.on('connection-state-change', (state, before, reason) => {
        if (state !== 'DISCONNECTED' || reason === 'LEAVE') return;
        if (reason === elsewhere) stay.yieldSeat();
        else stay.check();
    });
    unlisten.push(
        stay.on('token', ({ agora_token }) => then(() => (isIn ? client.renewToken(agora_token) : enter()))),
        stay.on('lost', () => then(exit)),
        stay.on('back', () => then(exit) && then(enter)),
        stay.on('ended', stop),
    );
    if (track) await track.setMuted(isMuted);
    client.enableAudioVolumeIndicator(); // the page listens to `volume-indicator` of `client`
    await then(enter);
    if (stay.state === 'ended') await stop();
    return { client, track, setMuted: async (muted) => track?.setMuted(muted), stop };
}
