// Plays Agora's Web SDK in a page: the calls that are made are kept in `agora.calls`, and a test makes things happen by
// `agora.client`. A token is judged by its form alone.
(() => {
    const calls = [];
    const agora = (window.agora = { calls, client: undefined, microphone: undefined, fails: undefined });
    const note = (name, ...args) => calls.push([name, ...args]);

    class Listeners {
        #listeners = {};
        on(name, listener) {
            (this.#listeners[name] ??= []).push(listener);
        }
        removeAllListeners() {
            this.#listeners = {};
        }
        emit(name, ...args) {
            for (const listener of this.#listeners[name] ?? []) listener(...args);
        }
    }

    class Track extends Listeners {
        muted = false;
        async setMuted(muted) {
            this.muted = muted;
            note('setMuted', muted);
        }
        close() {
            note('close');
        }
        play() {
            note('play');
        }
        stop() {}
    }

    class Client extends Listeners {
        connectionState = 'DISCONNECTED';
        remoteUsers = [];
        async join(appId, channel, token, uid) {
            note('join', appId, channel, token, uid);
            if (agora.fails) throw Object.assign(new Error(agora.fails), { code: agora.fails });
            if (!token.startsWith('007')) throw new Error('INVALID_TOKEN');
            this.connectionState = 'CONNECTED';
            this.emit('connection-state-change', 'CONNECTED', 'CONNECTING');
            return uid;
        }
        async leave() {
            note('leave');
            this.connectionState = 'DISCONNECTED';
        }
        async publish(tracks) {
            note('publish', [tracks].flat().length);
        }
        async unpublish() {
            note('unpublish');
        }
        async subscribe(user) {
            note('subscribe', user.uid);
            return (user.audioTrack ??= new Track());
        }
        async renewToken(token) {
            note('renewToken', token);
        }
        enableAudioVolumeIndicator() {
            note('enableAudioVolumeIndicator');
        }
    }

    window.AgoraRTC = {
        VERSION: 'stand-in',
        setLogLevel() {},
        createClient(config) {
            note('createClient', config.mode);
            return (agora.client = new Client());
        },
        async createMicrophoneAudioTrack() {
            if (agora.noMicrophone) throw Object.assign(new Error('NOT_FOUND'), { code: 'DEVICE_NOT_FOUND' });
            return (agora.microphone = new Track());
        },
    };
})();
