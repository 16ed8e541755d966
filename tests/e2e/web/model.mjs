// The service as its contract describes it, for the free rooms of one wallet: sign-in, rooms, seats, tokens, charges,
// keys. Written from the contract and not from the client. Every time is the world's, in milliseconds.

export const rules = {
    tokenSeconds: 90,
    renewAfterSeconds: 45,
    beatSeconds: 30,
    leastCreditSeconds: 90,
    emptyRoomSeconds: 300,
    accessSeconds: 3600,
    accessGraceSeconds: 60,
    leaveGraceSeconds: 86_400,
    signInSeconds: 5 * 3600, // shorter than the service's seven days, so that it happens often
};

export const wallet = `0x${'a1'.repeat(20)}`;
const otherHost = `0x${'b2'.repeat(20)}`;

class Refusal extends Error {
    constructor(status, error, fields = {}) {
        super(error);
        Object.assign(this, { status, body: { error, ...fields } });
    }
}

export class Model {
    rooms = new Map();
    answers = new Map(); // by Idempotency-Key
    seat; // the wallet's newest: { id, room, joined, metered, tokenEnds, left, end }
    balance = 0;
    charged = 0;
    serial = 0;

    constructor(now) {
        this.now = now;
    }

    get second() {
        return Math.floor(this.now() / 1000);
    }

    newId() {
        this.serial += 1;
        return `00000000-0000-4000-8000-${String(this.serial).padStart(12, '0')}`;
    }

    openRoom(host) {
        const room = { id: this.newId(), host, emptied: this.second, closed: false, wasRemoved: false };
        room.hasOthers = host === otherHost;
        this.rooms.set(room.id, room);
        return room;
    }

    openRoomOfAnother() {
        return this.openRoom(otherHost).id;
    }

    // Of second `second`, as long as nothing happens.
    isCharged(second) {
        const { seat } = this;
        return seat !== undefined && !seat.left && second > seat.joined && second <= seat.tokenEnds;
    }

    // When the token that a seat was given becomes worthless.
    static endOf(token) {
        return Number(token.split(' ')[1]) * 1000;
    }

    static seatOf(token) {
        return token.split(' ')[2];
    }

    // ---- what the contract calls settling and metering ----

    meter(until) {
        const { seat } = this;
        const used = Math.min(this.balance, Math.max(0, Math.min(until, seat.tokenEnds) - seat.metered));
        this.balance -= used;
        this.charged += used;
        seat.metered = Math.max(seat.metered, Math.min(until, seat.tokenEnds));
    }

    end(until, closes) {
        const { seat } = this;
        this.meter(until);
        seat.left = true;
        const { room } = seat;
        if (!room.hasOthers) room.emptied = Math.min(until, seat.tokenEnds);
        if (closes) room.closed = true;
    }

    settle() {
        if (this.seat && !this.seat.left && this.second >= this.seat.tokenEnds) this.end(this.seat.tokenEnds, false);
        for (const room of this.rooms.values()) {
            const isEmpty = !room.hasOthers && (this.seat?.left ?? true);
            if (isEmpty && this.second >= room.emptied + rules.emptyRoomSeconds) room.closed = true;
        }
    }

    // ---- what others do ----

    remove() {
        this.settle();
        if (!this.seat || this.seat.left) return;
        this.seat.room.wasRemoved = true;
        this.end(this.second, false);
    }

    close(room_id) {
        this.settle();
        const room = this.rooms.get(room_id);
        if (this.seat && !this.seat.left && this.seat.room === room) this.end(this.second, true);
        if (room) room.closed = true;
    }

    // Whether the wallet could join.
    admits(room_id) {
        this.settle();
        const room = this.rooms.get(room_id);
        return room !== undefined && !room.closed && !room.wasRemoved && this.balance >= rules.leastCreditSeconds;
    }

    // ---- requests ----

    // { status, headers, body }
    answer(method, path, headers, body) {
        const key = headers['Idempotency-Key'];
        const kept = key && this.answers.get(key);
        if (kept) return { ...kept, headers: { 'Idempotency-Replayed': 'true' } };
        let answer;
        try {
            answer = { status: 200, body: this.handle(method, path, headers.Authorization, body), headers: {} };
        } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            return { status: error.status, body: error.body, headers: {} };
        }
        if (key) this.answers.set(key, answer);
        return answer;
    }

    handle(method, path, authorization, body) {
        if (path === 'auth/demo') return this.token(this.second);
        const [, expires, signedInAt] = (authorization ?? '').split(' ').map(Number);
        const grace = { 'auth/refresh': rules.accessGraceSeconds, 'rooms/leave': rules.leaveGraceSeconds }[path] ?? 0;
        if (!(this.second < expires + grace)) throw new Refusal(401, 'unauthorized');
        this.settle();
        switch (path) {
            case 'auth/refresh':
                if (this.second - signedInAt > rules.signInSeconds) throw new Refusal(401, 'unauthorized');
                return this.token(signedInAt);
            case 'rooms/create':
                return { room_id: this.openRoom(wallet).id };
            case 'rooms/join':
                return this.join(body.room_id);
            case 'rooms/heartbeat':
                this.own(body);
                return { ok: true, remaining_seconds: this.remaining(), events: [] };
            case 'rooms/token/renew':
                return this.renew(body);
            case 'rooms/leave':
                return this.leave(body);
            case 'credits/history?limit=1':
                return { pending: this.seat && !this.seat.left ? this.pending() : null };
            default:
                return this.room(path.replace('rooms/', ''));
        }
    }

    token(signedInAt) {
        const token = `${this.second + rules.accessSeconds} ${signedInAt}`;
        return { token, expires_in: rules.accessSeconds, wallet };
    }

    remaining() {
        return this.balance - Math.max(0, this.second - this.seat.metered);
    }

    pending() {
        return { room_id: this.seat.room.id, connection_id: this.seat.id };
    }

    agoraToken() {
        return `007 ${this.seat.tokenEnds} ${this.seat.id}`;
    }

    own({ connection_id }) {
        const isTheirs = this.seat && !this.seat.left && this.seat.id === connection_id;
        if (!isTheirs) throw new Refusal(403, 'not_your_connection');
        return this.seat;
    }

    room(room_id) {
        const room = this.rooms.get(room_id);
        if (room === undefined || room.closed) throw new Refusal(404, 'room_not_found');
        const isIn = this.seat && !this.seat.left && this.seat.room === room;
        const participants = isIn ? [{ connection_id: this.seat.id, wallet, agora_uid: 7 }] : [];
        return { room_id, channel: `heaven-free-${room_id}`, host_wallet: room.host, participants };
    }

    join(room_id) {
        const room = this.rooms.get(room_id);
        if (this.balance < rules.leastCreditSeconds) throw new Refusal(403, 'insufficient_credits');
        if (this.seat && !this.seat.left) {
            const fields = { room_id: this.seat.room.id, connection_id: this.seat.id };
            throw new Refusal(409, 'already_in_free_room', fields);
        }
        if (room === undefined || room.closed) throw new Refusal(404, 'room_not_found');
        if (room.wasRemoved) throw new Refusal(403, 'removed_from_room');
        const { second } = this;
        const tokenEnds = second + rules.tokenSeconds;
        this.seat = { id: this.newId(), room, joined: second, metered: second, tokenEnds, left: false };
        return {
            ...this.room(room_id),
            connection_id: this.seat.id,
            agora_uid: 7,
            is_host: room.host === wallet,
            agora_token: this.agoraToken(),
            token_expires_in_seconds: rules.tokenSeconds,
            renew_after_seconds: rules.renewAfterSeconds,
            heartbeat_interval_seconds: rules.beatSeconds,
            remaining_seconds: this.balance,
        };
    }

    renew(caller) {
        const seat = this.own(caller);
        this.meter(this.second);
        const remaining_seconds = this.balance;
        if (remaining_seconds < rules.leastCreditSeconds)
            return { denied: true, reason: 'credits_exhausted', remaining_seconds, events: [] };
        seat.tokenEnds = this.second + rules.tokenSeconds;
        const agora_token = this.agoraToken();
        return { agora_token, token_expires_in_seconds: rules.tokenSeconds, remaining_seconds, events: [] };
    }

    leave(caller) {
        const { room } = this.own(caller);
        const closed = room.host === wallet || !room.hasOthers;
        this.end(this.second, closed);
        return { ok: true, debited_seconds: 0, remaining_seconds: this.balance, closed, events: [] };
    }
}
