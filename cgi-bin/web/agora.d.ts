// Types of agora.js. What it uses of Agora's SDK is named here, so that this needs no types of the SDK.
import type { Stay } from './client.js';

export interface VoiceTrack {
    setMuted(muted: boolean): Promise<void>;
    close(): void;
}

export interface VoiceClient {
    join(appId: string, channel: string, token: string | null, uid?: any): Promise<any>;
    leave(): Promise<void>;
    publish(tracks: any): Promise<void>;
    subscribe(user: any, mediaType: any): Promise<any>;
    renewToken(token: string): Promise<void>;
    enableAudioVolumeIndicator(): void;
    on(event: any, listener: any): void;
}

/** The default export of agora-rtc-sdk-ng is one. */
export interface VoiceSdk<Client extends VoiceClient, Track extends VoiceTrack> {
    createClient(options: { mode: 'rtc'; codec: 'vp8' }): Client;
    createMicrophoneAudioTrack(): Promise<Track>;
}

export interface VoiceOptions<Track> {
    /** Of the Agora project. Default: the one that the token is for. */
    appId?: string;
    /** true: asks for the microphone; a track: publishes that; false: only listens. Default: true. */
    microphone?: boolean | Track;
    isMuted?: boolean;
    /** Of Agora's errors. Default: console.error. */
    onError?: (error: unknown) => void;
}

export interface Voice<Client, Track> {
    client: Client;
    track: Track | undefined;
    setMuted(muted: boolean): Promise<void>;
    /** Leaves the voice channel. It happens by itself when the stay ends. */
    stop(): Promise<unknown>;
}

/** The id of the Agora project that a token is for. */
export function appIdOf(token: string): Promise<string>;

export function connectVoice<Client extends VoiceClient, Track extends VoiceTrack>(
    sdk: VoiceSdk<Client, Track>,
    stay: Stay,
    options?: VoiceOptions<Track>,
): Promise<Voice<Client, Track>>;
