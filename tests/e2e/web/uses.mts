// Uses everything that the types declare. It is compiled only.
import AgoraRTC from 'agora-rtc-sdk-ng';
import {
    Client,
    discoverWallets,
    ServiceError,
    Stay,
    type ClientOptions,
    type CreatedRoom,
    type Credits,
    type DiscoveredWallet,
    type EndReason,
    type Environment,
    type History,
    type LeaveAnswer,
    type ListedRoom,
    type LostReason,
    type NewRoom,
    type Participant,
    type Provider,
    type Room,
    type Seat,
} from 'session-voice-client';
import { connectVoice, type Voice } from 'session-voice-client/agora';

const environment: Partial<Environment> = {
    fetch: (url: string, request: RequestInit) => fetch(url, request),
    now: () => Date.now(),
    setTimeout: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs),
    clearTimeout: (timer: number) => clearTimeout(timer),
    random: Math.random,
    storage: localStorage,
    locks: navigator.locks,
    location,
    listen: (type, callback) => {
        addEventListener(type, callback);
        return () => removeEventListener(type, callback);
    },
    isHidden: () => document.hidden,
};
const options: ClientOptions = {
    url: './',
    timeoutSeconds: 10,
    retrySeconds: 20,
    giveUpSeconds: 600,
    domain: 'example.org',
    statement: 'Hello.',
    environment,
};
const client = new Client(options);
const own: Provider = { request: ({ method, params }) => [method, params] };
const wallets: DiscoveredWallet[] = await discoverWallets({ waitMs: 100, window });
const { wallet }: { wallet: string } = await client.signIn(wallets[0]?.provider ?? own, { statement: 'Hi.' });
await client.signInDemo();
await client.refresh();
const ends: (() => void)[] = [
    client.on('signed_in', (detail: { wallet: string }) => detail),
    client.on('signed_out', ({ wallet, reason }) => [wallet, reason === 'expired']),
];
const rooms: ListedRoom[] = await client.rooms();
const room: Room = await client.room(rooms[0]!.room_id);
const participants: Participant[] = room.participants;
const wanted: NewRoom = { title: 'Tea', visibility: 'private', capacity: 4, ai_enabled: false };
const created: CreatedRoom = await client.create(wanted);
await client.create();
const stay: Stay = await client.join(created.room_id, { takeOver: false });
const session: Stay = await client.joinSession(7n);
const seat: Seat = stay.seat;
const remaining: number | undefined = stay.remainingSeconds;
const isIn: boolean = stay.state === 'in' || session.state === 'joining';
stay.on('token', ({ agora_token }) => agora_token.length);
stay.on('low', ({ remaining_seconds }) => remaining_seconds.toFixed());
stay.on('exhausted', ({ remaining_seconds }) => remaining_seconds.toFixed());
stay.on('denied', ({ remaining_seconds }) => remaining_seconds.toFixed());
stay.on('lost', ({ reason }: { reason: LostReason }) => reason);
stay.on('back', ({ channel, agora_uid }) => [channel, agora_uid.toFixed()]);
stay.on('ended', ({ reason }: { reason: EndReason }) => reason);
stay.check();
stay.yieldSeat();
const voice: Voice<unknown, unknown> = await connectVoice(AgoraRTC, stay, {
    microphone: true,
    isMuted: true,
    onError: (error: unknown) => error,
});
const heard = await connectVoice(AgoraRTC, stay, { microphone: false });
heard.client.on('volume-indicator', (volumes: { uid: string | number; level: number }[]) => volumes.length);
heard.track?.setMuted(true);
await voice.setMuted(false);
await voice.stop();
const left: LeaveAnswer | undefined = await stay.leave();
await client.leave(created.room_id, seat.connection_id ?? '');
await client.removeParticipant(created.room_id, participants[0]!.connection_id);
const { closed }: { closed: true } = await client.closeRoom(created.room_id);
const credits: Credits = await client.credits();
const history: History = await client.history({ limit: 10, cursor: null });
await client.history();
const { granted } = await client.verifyCelo();
try {
    client.signOut();
} catch (error) {
    if (error instanceof ServiceError) {
        const { status, code, retryAfterSeconds, room_id, connection_id, remaining_seconds } = error;
        const { reason, expires_at, isTransient, isUnanswered } = error;
        console.log(status.toFixed(), code.length, retryAfterSeconds, room_id, connection_id, remaining_seconds);
        console.log(reason, expires_at, isTransient && isUnanswered, error.granted, error.name);
    }
}
client.dispose();
for (const end of ends) end();
console.log(client.url, client.wallet, client.isSignedIn, wallet, remaining, isIn, left?.closed, closed, credits);
console.log(history.pending?.room_id, history.events[0]?.kind, history.next_cursor, granted);
