// The sound of a call: Agora's SDK, from its CDN and only as it was when this was written, and the microphone.
import { AgoraVoice } from './agora.js';

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

// `state` is a name in texts.sound. `speaking` holds uids. `onChange` is called after each change.
export class Sound {
    state = 'loading';
    isMuted = false;
    speaking = new Set();
    peopleChanged = false;
    onChange = () => {};

    get hasMicrophone() {
        return this.voice?.hasMicrophone === true;
    }

    // Enters the voice channel whenever the stay is in, and leaves it with the stay.
    async follow(stay) {
        try {
            this.voice = new AgoraVoice(await loadSdk(), stay);
            this.voice.on('speaking', (uids) => this.#set({ speaking: uids }));
            this.voice.on('people', () => this.#set({ peopleChanged: true }));
            await this.voice.start();
            this.#set({ state: this.hasMicrophone ? 'on' : 'noMicrophone' });
        } catch {
            this.#set({ state: 'none' }); // the call goes on without sound
        }
    }

    async setMuted(isMuted) {
        await this.voice.setMuted(isMuted);
        this.#set({ isMuted });
    }

    #set(values) {
        Object.assign(this, values);
        this.onChange();
    }
}
