// The sound of a call: Agora's SDK, from its CDN and only as it was when this was written, and the microphone.
import { connectVoice } from './agora.js';

export const sdkVersion = '4.24.8';
export const sdkAddress = `https://download.agora.io/sdk/release/AgoraRTC_N-${sdkVersion}.js`;
export const sdkIntegrity = 'sha384-LLetIWljRRsVdAiDUW5qNfAuV8n0YvSPGr6vd4Fy/COvGIGaW1RJtURRgB76/YVU';

let loading;

function loadSdk() {
    if (globalThis.AgoraRTC) return Promise.resolve(globalThis.AgoraRTC);
    loading ??= new Promise((resolve, reject) => {
        const script = document.createElement('script');
        Object.assign(script, { src: sdkAddress, integrity: sdkIntegrity, crossOrigin: 'anonymous' });
        script.onload = () => resolve(globalThis.AgoraRTC);
        script.onerror = () => {
            loading = undefined; // the next call tries again
            script.remove();
            reject(new Error('the SDK cannot be loaded'));
        };
        document.head.append(script);
    });
    return loading;
}

const loud = 5; // of 100

// `state` is a name in texts.sound. `speaking` holds uids. `onChange` is called after each change.
export class Sound {
    state = 'loading';
    isMuted = false;
    speaking = new Set();
    peopleChanged = false;
    onChange = () => {};

    get hasMicrophone() {
        return this.voice?.track !== undefined;
    }

    // Is in the voice channel while the stay is in. What goes wrong is silence: the call goes on.
    async follow(stay) {
        try {
            const sdk = await loadSdk();
            const connect = (microphone) =>
                connectVoice(sdk, stay, { microphone, onError: () => this.#set({ state: 'none' }) });
            this.voice = await connect(true).catch(() => connect(false)); // there may be no microphone
            this.#listen(this.voice.client);
            if (this.state === 'loading') this.#setOn();
        } catch {
            this.#set({ state: 'none' });
        }
    }

    async setMuted(isMuted) {
        await this.voice.setMuted(isMuted);
        this.#set({ isMuted });
    }

    #setOn() {
        this.#set({ state: this.hasMicrophone ? 'on' : 'noMicrophone' });
    }

    #listen(client) {
        client.on('connection-state-change', (state) => state === 'CONNECTED' && this.#setOn()); // at a later attempt
        for (const event of ['user-joined', 'user-left']) client.on(event, () => this.#set({ peopleChanged: true }));
        client.on('volume-indicator', (volumes) => {
            const speaking = new Set(volumes.filter(({ level }) => level >= loud).map(({ uid }) => uid));
            if ([...speaking].join() !== [...this.speaking].join()) this.#set({ speaking });
        });
    }

    #set(values) {
        Object.assign(this, values);
        this.onChange();
    }
}
