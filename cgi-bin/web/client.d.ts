// Types of client.js. Fields are named as in the service's own answers (openapi.json).

/** EIP-1193, as far as it is used here. */
export interface Provider {
    request(request: { method: string; params?: unknown[] }): unknown;
}

export interface DiscoveredWallet {
    info: { uuid: string; name: string; icon: string; rdns: string };
    provider: Provider;
}

/** The wallets of this browser (EIP-6963), or `window.ethereum` where none announces itself. */
export function discoverWallets(options?: { waitMs?: number; window?: Window }): Promise<DiscoveredWallet[]>;

/**
 * `code` is the answer's `error`. Where the service has not answered, `status` is 0 and `code` one of `network`,
 * `timeout`, `bad_answer`; of a wallet `refused` or `wallet_failed`; `left` of a join that was left before it was done.
 * 401 `signed_out`: the wallet has to sign in.
 */
export class ServiceError extends Error {
    constructor(
        status: number,
        code: string,
        options?: { fields?: Record<string, unknown>; retryAfterSeconds?: number; cause?: unknown },
    );
    readonly name: 'ServiceError';
    readonly status: number;
    readonly code: string;
    readonly retryAfterSeconds?: number;
    /** Of 409 `already_in_free_room` and `already_hosting_free_room`. */
    readonly room_id?: string;
    readonly connection_id?: string;
    /** Of 403 `insufficient_credits`. */
    readonly remaining_seconds?: number;
    /** Of 403 `banned` and `heaven_name_required`. */
    readonly reason?: string;
    readonly expires_at?: string | null;
    /** Of 403 `not_verified`. */
    readonly granted?: boolean;
    /** The same request may fare better later. */
    readonly isTransient: boolean;
    /** Nobody knows whether the service has carried it out. */
    readonly isUnanswered: boolean;
}

/** What the client takes from its surroundings. */
export interface Environment {
    fetch(url: string, request: RequestInit): Promise<Response>;
    /** Milliseconds since 1970. Never goes back, and counts sleep. */
    now(): number;
    setTimeout(callback: () => void, delayMs: number): unknown;
    clearTimeout(timer: any): void;
    /** From 0 to 1, as Math.random. */
    random(): number;
    /** Where the sign-in is kept. By default the tab's own storage, and memory where there is none. */
    storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
    /** Web Locks; undefined where there are none. */
    locks: Pick<LockManager, 'request'> | undefined;
    /** The page's; undefined outside of pages. */
    location: Pick<Location, 'href' | 'host' | 'origin'> | undefined;
    /** Calls back at `online`, `pagehide`, `pageshow` and `visibilitychange`; gives back what ends that. */
    listen(type: string, callback: (event?: any) => void): () => void;
    /** Whether the page is hidden, and its timers may be throttled. */
    isHidden(): boolean;
}

export interface ClientOptions {
    /** Of the service, with its prefix if it has one. In a page it may be relative. */
    url: string;
    /** Of one request. Default: 10. */
    timeoutSeconds?: number;
    /** How long a request is repeated while network or service fail, and how long joining may take. Default: 20. */
    retrySeconds?: number;
    /** How long a lost stay tries to come back. Default: 3600. */
    giveUpSeconds?: number;
    /** In the message that is signed: the host that the browser shows. Default: the page's, or the service's. */
    domain?: string;
    /** In the message that is signed: one line for whoever signs. */
    statement?: string;
    environment?: Partial<Environment>;
}

export interface ListedRoom {
    room_id: string;
    title: string | null;
    host_wallet: string;
    participant_count: number;
    capacity: number;
    created_at: string;
}

export interface Participant {
    connection_id: string;
    wallet: string;
    agora_uid: number;
    joined_at: string;
    connected: boolean | null;
}

export interface Room {
    room_id: string;
    channel: string;
    title: string | null;
    host_wallet: string;
    visibility: 'open' | 'private';
    capacity: number;
    ai_enabled: boolean;
    created_at: string;
    participants: Participant[];
}

export interface NewRoom {
    title?: string | null;
    visibility?: 'open' | 'private' | null;
    capacity?: number | null;
    ai_enabled?: boolean | null;
}

export type CreatedRoom = Pick<Room, 'room_id' | 'channel' | 'title' | 'visibility' | 'capacity'>;

export interface Credits {
    remaining_seconds: number;
    base_granted_seconds: number;
    bonus_granted_seconds: number;
    consumed_seconds: number;
}

export interface CreditEvent {
    event_id: number;
    kind: 'grant_base' | 'grant_celo_bonus' | 'debit_usage' | 'refund_usage' | 'admin_adjust' | 'top_up';
    delta_seconds: number;
    balance_after_seconds: number;
    connection_id: string | null;
    room_id: string | null;
    reason?: string;
    created_at: string;
}

export interface History {
    events: CreditEvent[];
    next_cursor: string | null;
    pending: {
        delta_seconds: number;
        balance_after_seconds: number;
        connection_id: string;
        room_id: string;
    } | null;
}

/** What a stay's end brought, where the service could still be asked; `duration_ms` of a booked session. */
export interface LeaveAnswer {
    ok: true;
    debited_seconds?: number;
    remaining_seconds?: number;
    closed?: boolean;
    duration_ms?: number;
}

/** What enters the voice channel. Of a booked session there is a `booking_id`, and neither room nor host. */
export interface Seat {
    channel: string;
    agora_uid: number;
    agora_token: string;
    room_id?: string;
    connection_id?: string;
    host_wallet?: string;
    is_host?: boolean;
    booking_id?: string;
}

export type LostReason = 'token_expired' | 'seat_gone' | 'page_hidden';

export type EndReason =
    | 'left'
    | 'credits_exhausted'
    | 'removed'
    | 'banned'
    | 'room_gone'
    | 'room_full'
    | 'signed_out'
    | 'replaced'
    | 'session_over'
    | 'gave_up';

export interface StayEvents {
    /** A new Agora token for the same channel and uid. */
    token: Seat;
    /** Credit runs low, or is used up; once each. */
    low: { remaining_seconds: number };
    exhausted: { remaining_seconds: number };
    /** No new token for want of credit. The stay ends when the token does, unless there is new credit until then. */
    denied: { remaining_seconds: number };
    /** No good token any more: leave the voice channel. `back` or `ended` follows. */
    lost: { reason: LostReason };
    /** In again: enter the voice channel with this seat, which may be another. */
    back: Seat;
    ended: { reason: EndReason };
}

declare class Emitter<Events> {
    /** Gives back what ends it. */
    on<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void): () => void;
}

export class Stay extends Emitter<StayEvents> {
    private constructor();
    /** By the clock: nobody is in without a good token. */
    readonly state: 'joining' | 'in' | 'lost' | 'ended';
    readonly seat: Seat;
    /** As of now; undefined in a booked session, where nothing is charged. */
    readonly remainingSeconds: number | undefined;
    /** Asks the service at once whether the seat is still there. */
    check(): void;
    /**
     * Ends the stay at once; all callers share one promise. Resolves when the service knows, or with undefined when the
     * seat must have lapsed.
     */
    leave(): Promise<LeaveAnswer | undefined>;
    /** Ends the stay and leaves the seat to another holder of it, such as another device. */
    yieldSeat(): void;
}

export interface ClientEvents {
    signed_in: { wallet: string };
    signed_out: { wallet: string; reason: 'signed_out' | 'expired' | 'banned' };
}

export class Client extends Emitter<ClientEvents> {
    constructor(options: ClientOptions);
    /** Of the service, absolute, with a slash at the end. */
    readonly url: string;
    /** In lower case; undefined if nobody is signed in. */
    readonly wallet: string | undefined;
    readonly isSignedIn: boolean;
    /** By a message of EIP-4361. Of a user who does not want to: ServiceError `refused`. */
    signIn(provider: Provider, options?: { statement?: string }): Promise<{ wallet: string }>;
    /** With a wallet that the service makes on the spot. Only development copies do. */
    signInDemo(): Promise<{ wallet: string }>;
    /** Its stays end, and are left as soon as the network permits. */
    signOut(): void;
    /** Happens by itself, half way to the token's end. */
    refresh(): Promise<void>;
    rooms(): Promise<ListedRoom[]>;
    room(room_id: string): Promise<Room>;
    /** Does not join. */
    create(room?: NewRoom): Promise<CreatedRoom>;
    /**
     * A wallet that sits in this room already, in another tab or on another device, takes its seat over. Without
     * `takeOver` it gets 409 `already_in_free_room` instead. Twice at once is one stay.
     */
    join(room_id: string, options?: { takeOver?: boolean }): Promise<Stay>;
    /** The seat of a wallet that joins a session again is replaced. */
    joinSession(booking_id: string | number | bigint): Promise<Stay>;
    /** Of a seat that no Stay holds, such as one that a 409 tells of. */
    leave(room_id: string, connection_id: string): Promise<LeaveAnswer>;
    /** For the host, as is closeRoom. */
    removeParticipant(
        room_id: string,
        connection_id: string,
    ): Promise<{ ok: true; debited_seconds?: number; closed?: boolean }>;
    closeRoom(room_id: string): Promise<{ ok: true; closed: true }>;
    credits(): Promise<Credits>;
    history(options?: { limit?: number; cursor?: string | null }): Promise<History>;
    /** `granted`: now. ServiceError `not_verified` if the wallet is not. */
    verifyCelo(): Promise<{ granted: boolean; remaining_seconds: number }>;
    /** Ends timers and listeners. The sign-in stays in the storage, and stays go on. */
    dispose(): void;
}
