// A stay in a voice channel. Timers and events only wake it; what is to be done, its deadlines decide.
import { Emitter, takeLock } from './environment.js';
import { companyMs, ServiceError } from './http.js';

const marginMs = 1000; // the service counts whole seconds
const throttledMs = 60_000; // between two timers of a hidden page
const lowSeconds = 300;
const longestTimerMs = 2 ** 30;

export class Stay extends Emitter {
    #link;
    #place;
    #phase = 'joining'; // in, lost, ended
    #opening; // { resolve, reject, until, takeOver }
    #seat;
    #isSeated = false; // as far as is known
    #joinKey; // of a join that is not decided
    #unanswered = 0; // of its requests
    #underWay = 0; // of all joins
    #ttlMs = 90_000;
    #renewAfterMs = 45_000;
    #beatMs = 30_000;
    #goodUntil = 0;
    #renewedAt = 0;
    #attemptAt = 0;
    #beatAt = Infinity;
    #holdUntil = 0; // the service said Retry-After
    #failures = 0;
    #turn = 0; // counts tokens
    #isInDoubt = false; // whether a renewal has been carried out
    #isDenied = false;
    #isAway = false; // the page is gone
    #lostAt = 0;
    #remaining;
    #told = new Set();
    #timer;
    #unlock;
    #unlisten = [];
    #released;

    // `link`: { environment, http, call, wallet, lockName, giveUpMs, ended }
    constructor(link, place) {
        super();
        this.#link = link;
        this.#place = place;
    }

    // Nobody is in without a good token, whether or not a timer has fired.
    get state() {
        return this.#phase === 'in' && this.#now() >= this.#goodUntil ? 'lost' : this.#phase;
    }

    get seat() {
        return { ...this.#seat };
    }

    get remainingSeconds() {
        if (this.#remaining === undefined) return undefined;
        const { seconds, at, until } = this.#remaining;
        return Math.max(0, seconds - Math.floor(Math.max(0, Math.min(this.#now(), until) - at) / 1000));
    }

    check() {
        this.#attemptAt = Math.max(this.#now(), this.#holdUntil);
        this.#wake();
    }

    leave() {
        if (this.#phase !== 'ended') this.#end('left');
        return this.#released;
    }

    yieldSeat() {
        this.#end('replaced');
    }

    // For the client, as is open().
    signedOut = () => this.#end('signed_out');

    open({ withinMs, takeOver }) {
        const on = (type, react) => this.#unlisten.push(this.#link.environment.listen(type, react));
        on('pagehide', () => this.#goAway());
        on('pageshow', () => this.#comeBack());
        for (const type of ['online', 'visibilitychange']) on(type, () => this.#lookAgain());
        return new Promise((resolve, reject) => {
            this.#opening = { resolve, reject, until: this.#now() + withinMs, takeOver };
            this.#wake();
        });
    }

    #now = () => this.#link.environment.now();
    #call = (method, path, options) => this.#link.call(method, path, options);

    get #isActive() {
        return this.#phase !== 'ended' && !this.#isAway;
    }


    #wake() {
        if (!this.#isActive) return;
        const now = this.#now();
        if (this.#phase === 'in' && now >= this.#goodUntil) {
            if (this.#isDenied) return this.#end('credits_exhausted');
            this.#lose('token_expired');
        }
        if (now >= this.#givesUpAt) return this.#giveUp();
        if (now >= this.#attemptAt) this.#attempt();
        else if (this.#phase === 'in' && now >= this.#beatAt) this.#tryBeat();
        this.#plan();
    }

    #plan() {
        const { setTimeout, clearTimeout } = this.#link.environment;
        clearTimeout(this.#timer);
        if (!this.#isActive) return;
        const dueIn = this.#phase === 'in' ? [this.#beatAt, this.#goodUntil] : [];
        const due = Math.min(this.#attemptAt, this.#givesUpAt, ...dueIn);
        const delayMs = Math.min(Math.max(0, due - this.#now()), longestTimerMs);
        if (due !== Infinity) this.#timer = setTimeout(() => this.#wake(), delayMs);
    }

    get #givesUpAt() {
        if (this.#phase === 'joining') return this.#opening.until;
        return this.#phase === 'lost' ? this.#lostAt + this.#link.giveUpMs : Infinity;
    }

    #giveUp() {
        if (this.#phase !== 'joining') return this.#end('gave_up');
        this.#refuse(this.#opening.error ?? new ServiceError(0, 'timeout'));
    }

    // A hidden page may be woken once a minute only. So the wake-up that comes late is early enough, too.
    #renewalAt() {
        if (!this.#place.isMetered) return Infinity;
        let afterMs = this.#renewAfterMs;
        const earlyMs = Math.max(this.#ttlMs - throttledMs - 10_000, this.#ttlMs / 6);
        if (this.#link.environment.isHidden()) afterMs = Math.min(afterMs, earlyMs);
        if (this.#isDenied) afterMs = Math.min(afterMs, this.#renewAfterMs / 3); // there may be new credit
        return this.#renewedAt + afterMs;
    }

    #lookAgain() {
        if (this.#phase !== 'in' || this.#failures > 0) return this.check();
        this.#attemptAt = this.#renewalAt();
        this.#wake();
    }


    async #attempt() {
        const [seat, turn] = [this.#seat, this.#turn];
        this.#attemptAt = this.#now() + companyMs;
        try {
            await (this.#isSeated && this.#place.isMetered ? this.#keep(seat) : this.#enter());
        } catch (error) {
            if (seat === this.#seat && turn === this.#turn) this.#failed(error);
        }
        this.#wake();
    }

    // A renewal without an answer may be charged for 90 s. So after one it first asks what makes no seat last longer.
    async #keep(seat) {
        const turn = this.#turn;
        if (this.#isInDoubt) await this.#beat(seat);
        if (seat !== this.#seat || turn !== this.#turn || !this.#isActive) return;
        this.#isInDoubt = true;
        const { body, sentAt } = await this.#place.renew(this.#call, seat).catch((error) => {
            if (turn === this.#turn) this.#isInDoubt = error.isUnanswered;
            throw error;
        });
        if (seat !== this.#seat || !this.#isActive) return;
        if (body.denied) return this.#deny(body, sentAt);
        this.#take(body, sentAt);
    }

    async #enter() {
        const key = (this.#joinKey ??= this.#link.http.newKey());
        let reply;
        this.#unanswered += 1;
        this.#underWay += 1;
        try {
            reply = await this.#place.join(this.#call, { key });
        } catch (error) {
            if (key !== this.#joinKey) return; // an attempt beside it has been answered
            this.#unanswered -= !error.isUnanswered;
            if (error.isTransient) throw error;
            this.#forgetJoin();
            const isHere = error.code === 'already_in_free_room' && error.room_id === this.#place.room_id;
            if (isHere && this.#opening?.takeOver) return this.#adopt(error);
            throw error;
        } finally {
            this.#underWay -= 1;
        }
        const { body, sentAt, headers } = reply;
        const isNew = key === this.#joinKey;
        if (isNew) this.#sit(body);
        if (this.#phase === 'ended') return; // leaving finds the seat
        // An answer that was kept for this key has a token of unknown age. It may overtake the first.
        const isFirst = headers.get('Idempotency-Replayed') === null;
        if (isFirst && body.connection_id === this.#seat.connection_id) this.#take(body, sentAt);
        else if (isNew) await this.#keep(this.#seat);
    }

    #forgetJoin() {
        this.#joinKey = undefined;
        this.#unanswered = 0;
    }

    #sit(body) {
        this.#forgetJoin();
        this.#seat = this.#place.seatOf(body);
        this.#isSeated = true;
        this.#renewAfterMs = body.renew_after_seconds * 1000 || this.#renewAfterMs;
        this.#beatMs = body.heartbeat_interval_seconds * 1000 || this.#beatMs;
    }

    // The wallet sits here already: in another tab, on another device, or before the page was loaded again.
    async #adopt(refusal) {
        const seat = await this.#place.find(this.#call, refusal.connection_id, this.#link.wallet);
        if (this.#phase === 'ended') return;
        if (seat === undefined) throw refusal;
        this.#seat = seat;
        this.#isSeated = true;
        await this.#keep(seat);
    }

    async #beat(seat) {
        const { body, sentAt } = await this.#place.beat(this.#call, seat);
        if (seat !== this.#seat || this.#phase === 'ended') return;
        this.#isInDoubt = false;
        this.#note(body, sentAt);
    }

    async #tryBeat() {
        const [seat, turn] = [this.#seat, this.#turn];
        this.#beatAt = this.#now() + this.#beatMs;
        try {
            await this.#beat(seat);
        } catch (error) {
            const isLastWord = error.code === 'not_your_connection' || this.#place.endings[error.code] !== undefined;
            if (isLastWord && seat === this.#seat && turn === this.#turn) this.#failed(error);
        }
        this.#wake();
    }


    // The token was made after the request was sent: by our clock it is good at least for its time from then.
    #take(body, sentAt) {
        this.#ttlMs = body.token_expires_in_seconds * 1000 || Infinity;
        const goodUntil = sentAt + this.#ttlMs - marginMs;
        if (!this.#isActive || goodUntil <= this.#now() || goodUntil < this.#goodUntil) return;
        Object.assign(this.#seat, { agora_token: body.agora_token });
        this.#goodUntil = goodUntil;
        this.#renewedAt = sentAt;
        this.#turn += 1;
        this.#failures = 0;
        this.#isInDoubt = false;
        this.#isDenied = false;
        this.#attemptAt = this.#renewalAt();
        this.#beatAt = this.#place.isMetered ? sentAt + this.#beatMs : Infinity;
        const before = this.#phase;
        this.#phase = 'in';
        this.#note(body, sentAt);
        if (before === 'in') return this.emit('token', this.seat);
        this.#lead();
        if (before === 'lost') return this.emit('back', this.seat);
        this.#opening.resolve(this);
        this.#opening = undefined;
    }

    #deny(body, sentAt) {
        this.#note(body, sentAt);
        if (this.#phase !== 'in') return this.#failed(new ServiceError(403, 'insufficient_credits', { fields: body }));
        this.#failures = 0;
        this.#isInDoubt = false;
        this.#renewedAt = sentAt;
        if (!this.#isDenied) this.emit('denied', { remaining_seconds: body.remaining_seconds });
        this.#isDenied = true;
        this.#attemptAt = this.#renewalAt();
    }

    #note({ remaining_seconds, events }, sentAt) {
        if (remaining_seconds === undefined) return;
        this.#remaining = { seconds: remaining_seconds, at: sentAt, until: this.#goodUntil };
        if (events === undefined) return; // of joining, when nobody listens yet
        // The answer with an event may have been lost.
        const isTold = (type) => events.some((event) => event.type === type);
        if (remaining_seconds <= lowSeconds || isTold('credits_low')) this.#tell('low', remaining_seconds);
        if (remaining_seconds === 0 || isTold('credits_exhausted')) this.#tell('exhausted', remaining_seconds);
    }

    #tell(name, remaining_seconds) {
        if (this.#told.has(name)) return;
        this.#told.add(name);
        this.emit(name, { remaining_seconds });
    }

    #failed(error) {
        if (this.#phase === 'ended') return;
        if (error.code === 'not_your_connection') {
            this.#isSeated = false;
            if (this.#phase === 'in') this.#lose('seat_gone');
            this.#attemptAt = this.#now();
            return;
        }
        const reason = this.#place.endings[error.code];
        if (this.#phase === 'joining') {
            this.#opening.error = error;
            if (reason !== undefined || !error.isTransient) return this.#refuse(error);
        }
        if (reason !== undefined) return this.#end(reason);
        this.#failures += 1;
        const now = this.#now();
        const delayMs = this.#link.http.delayMs(this.#failures, error);
        if (error.retryAfterSeconds) this.#holdUntil = now + delayMs;
        // The timer for a second attempt would come a minute later.
        const isUrgent = this.#failures === 1 && this.#link.environment.isHidden();
        const plannedAt = Math.min(this.#attemptAt, now + delayMs);
        this.#attemptAt = Math.max(this.#holdUntil, isUrgent ? now : plannedAt);
        if (this.#attemptAt >= this.#opening?.until) this.#refuse(error);
    }


    #lose(reason) {
        if (this.#remaining) this.#remaining.until = Math.min(this.#remaining.until, this.#now());
        this.#phase = 'lost';
        this.#lostAt = this.#now();
        this.#goodUntil = 0;
        this.#isInDoubt = true;
        this.#attemptAt = Math.max(this.#lostAt, this.#holdUntil);
        this.emit('lost', { reason });
    }

    #refuse(error) {
        const { reject } = this.#opening;
        this.#isSeated &&= this.#seat.agora_token !== undefined; // or it is somebody else's
        this.#end('refused');
        reject(error);
    }

    #end(reason) {
        if (this.#phase === 'ended') return;
        const wasOpening = this.#phase === 'joining';
        if (this.#remaining) this.#remaining.until = Math.min(this.#remaining.until, this.#now());
        this.#phase = 'ended';
        this.#link.environment.clearTimeout(this.#timer);
        this.#unlisten.forEach((unlisten) => unlisten());
        this.#unlock?.();
        // With the credit the token ends, and with it the seat: a host who left would close the room.
        const isHostsEnd = reason === 'credits_exhausted' && this.#seat?.is_host && !this.#isInDoubt;
        const isOver = reason === 'replaced' || isHostsEnd;
        this.#released = isOver ? Promise.resolve() : this.#release();
        if (wasOpening && reason === 'left') this.#opening.reject(new ServiceError(0, 'left'));
        this.#link.ended(this);
        if (!wasOpening) this.emit('ended', { reason });
    }

    // Leaves, however long the network takes, as long as there may be a seat.
    async #release() {
        const { http } = this.#link;
        const options = this.#farewell();
        const until = this.#now() + Math.min(this.#ttlMs, 3_600_000) + http.timeoutMs;
        if (!this.#isSeated && this.#unanswered === 0) return undefined;
        return http.persistently(until, async () => {
            // It joined perhaps, or will yet. Asking for that once more might join now.
            const mayJoinYet = this.#underWay > 0;
            const found = this.#isSeated ? undefined : await this.#place.findOwn(this.#call);
            const seat = this.#isSeated ? this.#seat : found;
            if (seat === undefined && mayJoinYet) throw new ServiceError(0, 'timeout');
            return seat && (await this.#place.leave(this.#call, seat, options)).body;
        });
    }

    #farewell() {
        return { key: this.#link.http.newKey(), asItIs: true, keepalive: true };
    }

    #goAway() {
        if (!this.#isActive) return;
        this.#isAway = true;
        this.#link.environment.clearTimeout(this.#timer);
        this.#unlock?.();
        this.#unlock = undefined;
        // A host who left would close the room, and a page that is loaded again is away for a moment only.
        if (this.#isSeated && !this.#seat.is_host)
            this.#place.leave(this.#call, this.#seat, this.#farewell()).catch(() => {});
        if (this.#phase === 'in') this.#lose('page_hidden');
    }

    #comeBack() {
        if (!this.#isAway) return this.#lookAgain();
        this.#isAway = false;
        this.check();
    }

    // Of several tabs with this wallet the newest leads.
    #lead() {
        const name = `${this.#link.lockName} ${this.#place.lock}`;
        this.#unlock ??= takeLock(this.#link.environment.locks, name, () => this.yieldSeat());
    }
}
