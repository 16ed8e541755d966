// A world whose time runs only when it is told to: a clock, a device that sleeps and throttles timers, and a network
// that loses, delays and refuses. Everything random comes from one seed.

// mulberry32: small, and the same everywhere.
export function randomOf(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

// What a callback gives back that no promise waits for.
const unnoticed = Symbol('unnoticed');

// Until every promise that can go on has done so. No chain of them is as long. setImmediate would take twice the time.
async function settled() {
    for (let step = 0; step < 40; step += 1) await undefined;
}

const minuteMs = 60_000;

export class Clock {
    timers = new Map();
    serial = 0;

    // Each whole second that passes is told to `onSecond`, after all that happens in that instant.
    constructor(start, onSecond = () => {}) {
        this.time = start;
        this.nextSecond = Math.floor(start / 1000) + 1;
        this.onSecond = onSecond;
    }

    now = () => this.time;

    at(due, callback) {
        this.serial += 1;
        this.timers.set(this.serial, { due: Math.max(due, this.time), callback });
        return this.serial;
    }

    after = (delayMs, callback) => this.at(this.time + delayMs, callback);

    clear = (timer) => this.timers.delete(timer);

    sleep = (delayMs) => new Promise((resolve) => this.after(delayMs, resolve));

    async runUntil(end) {
        await settled();
        for (;;) {
            let next;
            let found;
            for (const [id, timer] of this.timers)
                if (found === undefined || timer.due < found.due) [next, found] = [id, timer];
            if (found === undefined || found.due > end) break;
            this.timers.delete(next);
            this.#passTo(found.due);
            if (found.callback() !== unnoticed) await settled();
        }
        this.#passTo(end);
    }

    #passTo(time) {
        for (; this.nextSecond * 1000 < time; this.nextSecond += 1) {
            this.time = this.nextSecond * 1000;
            this.onSecond(this.nextSecond);
        }
        this.time = time;
    }
}

// What the client runs on: its environment.
export class Device {
    isAsleep = false;
    isFrozen = false; // in the back-forward cache
    isHidden = false;
    isThrottled = false;
    #listeners = new Map();
    #overdue = [];
    #late = new Set(); // timers of a throttled page, which runs them at once when it is shown
    #timers = new Map();
    #store = new Map();

    constructor(clock, random, network) {
        Object.assign(this, { clock, random, network });
    }

    get environment() {
        return {
            fetch: (url, request) => this.network.fetch(url, request),
            now: this.clock.now,
            random: this.random,
            setTimeout: (callback, delayMs) => this.setTimeout(callback, delayMs),
            clearTimeout: (timer) => timer?.cancel(),
            storage: {
                getItem: (name) => this.#store.get(name) ?? null,
                setItem: (name, text) => this.#store.set(name, text),
                removeItem: (name) => this.#store.delete(name),
            },
            locks: undefined,
            location: new URL('https://voice.example/app/'),
            listen: (type, callback) => this.listen(type, callback),
            isHidden: () => this.isHidden,
        };
    }

    setTimeout(callback, delayMs) {
        const timer = { isCancelled: false, callback };
        timer.id = this.clock.after(delayMs, () => this.#due(timer));
        timer.cancel = () => {
            timer.isCancelled = true;
            this.clock.clear(timer.id);
        };
        return timer;
    }

    #due(timer) {
        this.#late.delete(timer);
        if (timer.isCancelled) return;
        if (this.isAsleep || this.isFrozen) return this.#overdue.push(timer);
        if (!this.isThrottled || timer.isLate) return timer.callback();
        timer.isLate = true;
        this.#late.add(timer);
        timer.id = this.clock.at(Math.ceil(this.clock.time / minuteMs) * minuteMs, () => this.#due(timer));
    }

    listen(type, callback) {
        if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
        this.#listeners.get(type).add(callback);
        return () => this.#listeners.get(type).delete(callback);
    }

    tell(type) {
        for (const callback of [...(this.#listeners.get(type) ?? [])]) callback({ type });
    }

    sleep() {
        this.isAsleep = true;
    }

    wake() {
        this.isAsleep = false;
        for (const timer of this.#overdue.splice(0)) this.#due(timer);
    }

    navigateAway() {
        this.tell('pagehide');
        this.isFrozen = true;
    }

    navigateBack() {
        this.isFrozen = false;
        this.tell('pageshow');
        for (const timer of this.#overdue.splice(0)) this.#due(timer);
    }

    hide(isThrottled) {
        this.isHidden = true;
        this.isThrottled = isThrottled;
        this.tell('visibilitychange');
    }

    show() {
        this.isHidden = false;
        this.isThrottled = false;
        for (const timer of this.#late) {
            this.clock.clear(timer.id);
            timer.id = this.clock.after(0, () => this.#due(timer));
        }
        this.tell('visibilitychange');
    }
}

// `manner` of the network:
//   good     tens of milliseconds
//   off      nothing gets out, and the device knows at once
//   hanging  nothing gets out, and nobody is told
//   lossy    half of what is sent is lost, either way
//   mute     what is sent arrives, and no answer comes back
//   slow     seconds
//   busy     503 for everything, sometimes with Retry-After
//   limited  429 with Retry-After
//   gateway  502 in HTML
//   portal   a hotel's page with 200
export const manners = ['off', 'hanging', 'lossy', 'mute', 'slow', 'busy', 'limited', 'gateway', 'portal'];

const refusals = {
    busy: [503, '{"error":"database_unavailable"}'],
    limited: [429, '{"error":"rate_limited"}'],
    gateway: [502, '<html><h1>Bad Gateway</h1></html>'],
    portal: [200, '<html>Welcome to our hotel</html>'],
};

export class Network {
    manner = 'good';
    heldUntil = 0; // by a Retry-After that the client was told of
    sent = 0;

    // `onDelivered(answer, sentAt)`: the client has it now.
    constructor(clock, random, model, onDelivered) {
        Object.assign(this, { clock, random, model, onDelivered });
    }

    fetch(url, { method, headers, body, signal }) {
        this.sent += 1;
        const sentAt = this.clock.time;
        const path = url.replace('https://voice.example/app/', '');
        return new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(new Error('aborted')));
            const fail = () => reject(new TypeError('fetch failed'));
            const lose = () => (this.manner === 'off' || this.random() < 0.3) && this.clock.after(5, fail);
            this.#travel(lose, false, () => {
                const refusal = refusals[this.manner];
                const answer = refusal
                    ? this.#refuse(refusal)
                    : this.#reply(this.model.answer(method, path, headers, body && JSON.parse(body)));
                this.#travel(lose, true, () => {
                    if (answer.status === 200 && !refusal) this.onDelivered(answer, sentAt);
                    const held = this.clock.time + 1000 * (answer.retryAfter ?? 0);
                    this.heldUntil = Math.max(this.heldUntil, held); // each request has its own
                    resolve(answer);
                });
            });
        });
    }

    // One way, if nothing is in it, neither at the start nor at the end.
    #travel(lose, isBack, arrive) {
        if (this.#swallows(isBack)) return lose();
        const ms = this.manner === 'slow' ? 300 + this.random() * 4000 : 10 + this.random() * 90;
        this.clock.after(ms, () => {
            if (this.#swallows(isBack)) lose();
            else arrive();
            return isBack ? undefined : unnoticed;
        });
    }

    #swallows(isBack) {
        if (this.device.isAsleep || (this.device.isFrozen && isBack)) return true;
        switch (this.manner) {
            case 'off':
            case 'hanging':
                return true;
            case 'lossy':
                return this.random() < 0.3; // asked twice on each way
            case 'mute':
                return isBack;
            default:
                return false;
        }
    }

    #refuse([status, text]) {
        const says = this.manner === 'limited' || (this.manner === 'busy' && this.random() < 0.3);
        const retryAfter = says ? 1 + Math.floor(this.random() * 20) : undefined;
        return response(status, text, retryAfter ? { 'Retry-After': String(retryAfter) } : {}, retryAfter);
    }

    #reply({ status, headers, body }) {
        return Object.assign(response(status, JSON.stringify(body), headers), { json: body, headersSent: headers });
    }
}

const response = (status, text, headers, retryAfter) => ({
    status,
    ok: status < 300,
    headers: { get: (name) => headers[name] ?? null },
    text: async () => text,
    retryAfter,
});
