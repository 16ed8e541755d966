// A stay's voice by Agora's Web SDK (agora-rtc-sdk-ng 4): in the channel while the stay is in, out of it otherwise.
import { Emitter } from './environment.js';

const loud = 5; // of 100

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

// Tells of `speaking` (the uids of those who are heard now) and of `people` (somebody came or went).
export class AgoraVoice extends Emitter {
    #sdk;
    #stay;
    #client;
    #microphone;
    #work = Promise.resolve(); // one thing after the other
    #speaking = '';

    constructor(sdk, stay) {
        super();
        this.#sdk = sdk;
        this.#stay = stay;
        this.#client = sdk.createClient({ mode: 'rtc', codec: 'vp8' });
        this.#listen();
    }

    get hasMicrophone() {
        return this.#microphone !== undefined;
    }

    // Enters the channel and publishes the microphone, if there is one and it may be used. Throws what the SDK throws.
    start() {
        const stay = this.#stay;
        stay.on('token', ({ agora_token }) => this.#do(() => this.#client.renewToken(agora_token)));
        stay.on('lost', () => this.#do(() => this.#exit()));
        stay.on('back', () => this.#do(() => this.#enter()));
        stay.on('ended', () => this.#do(() => this.#close()));
        return this.#queue(async () => {
            this.#microphone = await this.#sdk.createMicrophoneAudioTrack().catch(() => undefined);
            if (stay.state === 'in') await this.#enter();
            else if (stay.state === 'ended') await this.#close();
        });
    }

    setMuted(isMuted) {
        return this.#queue(() => this.#microphone?.setMuted(isMuted));
    }

    // Others wait for it, and whoever asked is told how it went.
    #queue(task) {
        const done = this.#work.then(task);
        this.#work = done.catch(() => {});
        return done;
    }

    // What goes wrong here shows as silence; the stay goes on, and the next event is another chance.
    #do(task) {
        this.#queue(task).catch(() => {});
    }

    async #enter() {
        if (this.#stay.state !== 'in') return;
        const { channel, agora_token, agora_uid } = this.#stay.seat;
        await this.#client.join(await appIdOf(agora_token), channel, agora_token, agora_uid);
        this.#client.enableAudioVolumeIndicator();
        if (this.#microphone) await this.#client.publish([this.#microphone]);
    }

    async #close() {
        this.#tellSpeaking([]);
        this.#microphone?.close();
        await this.#exit();
    }

    async #exit() {
        if (this.#client.connectionState !== 'DISCONNECTED') await this.#client.leave();
    }

    #listen() {
        const client = this.#client;
        client.on('user-published', (user, kind) => {
            if (kind === 'audio') this.#do(async () => (await client.subscribe(user, kind)).play());
        });
        client.on('user-joined', () => this.emit('people'));
        client.on('user-left', () => this.emit('people'));
        client.on('volume-indicator', (volumes) =>
            this.#tellSpeaking(volumes.filter(({ level }) => level >= loud).map(({ uid }) => uid)),
        );
        // Put out by Agora's servers: the service knows why.
        client.on('connection-state-change', (state, before, reason) => {
            if (state === 'DISCONNECTED' && reason !== 'LEAVE') this.#stay.check();
        });
        // A renewal came too late: in again, with the token that the stay has by now.
        client.on('token-privilege-did-expire', () =>
            this.#do(async () => {
                await this.#exit();
                await this.#enter();
            }),
        );
    }

    // The SDK says it every two seconds, and silence is a list without the speaker.
    #tellSpeaking(uids) {
        const said = uids.join();
        if (said === this.#speaking) return;
        this.#speaking = said;
        this.emit('speaking', new Set(uids));
    }
}
