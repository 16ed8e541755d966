// The client of the service. client.d.ts says what everything takes and gives.
import { completeEnvironment, Emitter } from './environment.js';
import { Http, ServiceError } from './http.js';
import { roomPlace, sessionPlace } from './places.js';
import { Stay } from './stay.js';
import { requestWallet, signIn } from './wallet.js';

export { ServiceError } from './http.js';
export { Stay } from './stay.js';
export { discoverWallets } from './wallet.js';

const refreshAgainMs = 30_000;

export class Client extends Emitter {
    #environment;
    #http;
    #options;
    #session; // { wallet, token, expiresAt, lifetimeMs, isOver }
    #refreshTimer;
    #unlisten;
    #listing = {};
    #stays = new Map(); // promises, by the name of the place
    #leaving = new Set();

    constructor({ url, environment, ...options }) {
        super();
        this.#environment = completeEnvironment(environment);
        const base = new URL(url, this.#environment.location?.href);
        base.hash = base.search = '';
        this.#http = new Http(base.href.replace(/\/*$/, '/'), this.#environment, options);
        this.#options = options;
        const look = () => this.#refreshIfDue();
        this.#unlisten = ['online', 'pageshow', 'visibilitychange'].map((type) => this.#environment.listen(type, look));
        this.#restore();
    }

    get url() {
        return this.#http.base;
    }

    get wallet() {
        return this.#session?.wallet;
    }

    get isSignedIn() {
        return this.#session !== undefined;
    }

    dispose() {
        this.#environment.clearTimeout(this.#refreshTimer);
        this.#unlisten.forEach((unlisten) => unlisten());
    }

    // ---- signing in ----

    async signIn(provider, { statement = this.#options.statement ?? 'Sign in to talk.' } = {}) {
        const wallet = await requestWallet(provider);
        const { body, headers } = await this.#http.repeated('POST', 'auth/nonce', { body: { wallet } });
        const page = this.#environment.location ?? new URL(this.url);
        // The service's clock is the one that counts, where its answer shows it.
        const date = Date.parse(headers.get('Date') ?? '');
        const signed = await signIn(provider, {
            wallet,
            nonce: body.nonce,
            domain: this.#options.domain ?? page.host,
            uri: this.#options.domain === undefined ? page.origin : `https://${this.#options.domain}`,
            statement,
            issuedAt: new Date(Number.isNaN(date) ? this.#environment.now() : date),
        });
        return this.#begin(await this.#http.repeated('POST', 'auth/verify', { body: signed }), wallet);
    }

    async signInDemo() {
        const reply = await this.#http.repeated('POST', 'auth/demo');
        return this.#begin(reply, reply.body.wallet);
    }

    signOut() {
        if (this.#session) this.#finish(this.#session, 'signed_out');
    }

    async refresh() {
        await this.#refresh(this.#known(), 'repeated');
    }

    // ---- rooms and credits ----

    async rooms() {
        const { etag } = this.#listing;
        const { status, headers, body } = await this.#http.repeated('GET', 'rooms/active', { etag });
        if (status !== 304) this.#listing = { etag: headers.get('ETag') ?? undefined, rooms: body.rooms };
        return this.#listing.rooms;
    }

    room(room_id) {
        return this.#request('GET', `rooms/${encodeURIComponent(room_id)}`);
    }

    create(room = {}) {
        return this.#request('POST', 'rooms/create', { body: room, key: this.#http.newKey() });
    }

    async join(room_id, options) {
        return this.#open(roomPlace(room_id), options);
    }

    async joinSession(booking_id, options) {
        return this.#open(sessionPlace(String(booking_id).trim()), options);
    }

    leave(room_id, connection_id) {
        const body = { room_id, connection_id };
        return this.#request('POST', 'rooms/leave', { body, key: this.#http.newKey() });
    }

    removeParticipant(room_id, connection_id) {
        const path = `rooms/${encodeURIComponent(room_id)}/participants/${encodeURIComponent(connection_id)}`;
        return this.#delete(path, { ok: true });
    }

    async closeRoom(room_id) {
        const answer = await this.#delete(`rooms/${encodeURIComponent(room_id)}`, { ok: true, closed: true });
        const own = this.#stays.get(roomPlace(room_id).name);
        own?.then((stay) => stay.check()).catch(() => {});
        return answer;
    }

    credits() {
        return this.#request('GET', 'credits');
    }

    history({ limit, cursor } = {}) {
        const given = Object.entries({ limit, cursor }).filter(([, value]) => value !== undefined && value !== null);
        return this.#request('GET', `credits/history?${new URLSearchParams(given)}`);
    }

    verifyCelo() {
        return this.#request('POST', 'credits/verify-celo', { key: this.#http.newKey() });
    }

    // ---- within ----

    #known() {
        if (this.#session === undefined) throw new ServiceError(401, 'signed_out');
        return this.#session;
    }

    async #request(method, path, options) {
        const send = (token) => this.#http.repeated(method, path, { ...options, token });
        return (await this.#authorized(this.#known(), 'repeated', send)).body;
    }

    // What an earlier attempt has done already is done.
    async #delete(path, done) {
        try {
            return await this.#request('DELETE', path);
        } catch (error) {
            if (error.status === 404 && error.attempts > 1) return done;
            throw error;
        }
    }

    // `manner`: how a refresh is sent, 'once' or 'repeated'.
    async #authorized(session, manner, send) {
        if (session.isOver) throw new ServiceError(401, 'signed_out');
        if (this.#environment.now() >= session.expiresAt) await this.#refresh(session, manner);
        const { token } = session;
        try {
            return await send(token);
        } catch (error) {
            if (error.status !== 401) throw error;
            if (session.token === token) await this.#refresh(session, manner);
            return send(session.token);
        }
    }

    async #refresh(session, manner) {
        try {
            this.#accept(session, await this.#http[manner]('POST', 'auth/refresh', { token: session.token }));
        } catch (error) {
            if (![401, 403].includes(error.status)) throw error;
            this.#finish(session, error.code === 'banned' ? 'banned' : 'expired');
            throw new ServiceError(401, 'signed_out', { cause: error });
        }
    }

    #begin(reply, wallet) {
        this.signOut();
        this.#session = { wallet, isOver: false, stays: new Set() };
        this.#accept(this.#session, reply);
        this.emit('signed_in', { wallet });
        return { wallet };
    }

    #accept(session, { body, sentAt }) {
        if (session.isOver) return;
        const lifetimeMs = body.expires_in * 1000;
        Object.assign(session, { token: body.token, lifetimeMs, expiresAt: sentAt + lifetimeMs });
        if (session === this.#session) this.#keep();
    }

    #finish(session, reason) {
        if (session.isOver) return;
        session.isOver = true;
        if (session === this.#session) {
            this.#session = undefined;
            this.#environment.clearTimeout(this.#refreshTimer);
            this.#keep();
        }
        for (const stay of [...session.stays]) stay.signedOut();
        this.emit('signed_out', { wallet: session.wallet, reason });
    }

    get #storageName() {
        return `session-voice ${this.url}`;
    }

    #keep() {
        const { storage } = this.#environment;
        const { wallet, token, expiresAt, lifetimeMs } = this.#session ?? {};
        try {
            if (token === undefined) storage.removeItem(this.#storageName);
            else storage.setItem(this.#storageName, JSON.stringify({ wallet, token, expiresAt, lifetimeMs }));
        } catch {}
        if (token !== undefined) this.#planRefresh(expiresAt - lifetimeMs / 2);
    }

    #restore() {
        try {
            const kept = JSON.parse(this.#environment.storage.getItem(this.#storageName));
            if (typeof kept?.token !== 'string') return;
            this.#session = { ...kept, isOver: false, stays: new Set() };
            this.#planRefresh(kept.expiresAt - kept.lifetimeMs / 2);
        } catch {}
    }

    #planRefresh(at) {
        const { setTimeout, clearTimeout, now } = this.#environment;
        clearTimeout(this.#refreshTimer);
        const delayMs = Math.min(Math.max(0, at - now()), 2 ** 30);
        this.#refreshTimer = setTimeout(() => this.#refreshIfDue(), delayMs);
        this.#refreshTimer?.unref?.(); // it keeps no program alive
    }

    #refreshIfDue() {
        const session = this.#session;
        if (session === undefined) return;
        const { now } = this.#environment;
        const dueAt = session.expiresAt - session.lifetimeMs / 2;
        this.#planRefresh(now() >= dueAt ? now() + Math.min(refreshAgainMs, session.lifetimeMs / 4) : dueAt);
        if (now() >= dueAt) this.#refresh(session, 'once').catch(() => {});
    }

    #open(place, { takeOver = true } = {}) {
        const known = this.#stays.get(place.name);
        if (known !== undefined) return known;
        const opened = this.#openNew(place, takeOver, this.#known());
        this.#stays.set(place.name, opened);
        opened.catch(() => this.#stays.delete(place.name));
        return opened;
    }

    async #openNew(place, takeOver, session) {
        await this.#whenLeft();
        let stay;
        const link = {
            environment: this.#environment,
            http: this.#http,
            wallet: session.wallet,
            lockName: `session-voice ${this.url} ${session.wallet}`,
            giveUpMs: (this.#options.giveUpSeconds ?? 3600) * 1000,
            // Leaving needs no token that is good (`asItIs`), and must not wait for one.
            call: (method, path, { asItIs, ...options } = {}) => {
                const send = (token) => this.#http.once(method, path, { ...options, token });
                return asItIs ? send(session.token) : this.#authorized(session, 'once', send);
            },
            ended: () => {
                this.#stays.delete(place.name);
                session.stays.delete(stay);
                const left = stay.leave().finally(() => this.#leaving.delete(left));
                this.#leaving.add(left);
            },
        };
        stay = new Stay(link, place);
        session.stays.add(stay);
        return stay.open({ withinMs: this.#http.retryMs, takeOver });
    }

    // Or the leaving of one stay would end the next, which it takes for the same.
    async #whenLeft() {
        if (this.#leaving.size === 0) return;
        const tooLong = this.#http.wait(this.#http.retryMs).then(() => {
            throw new ServiceError(0, 'timeout');
        });
        await Promise.race([Promise.all(this.#leaving), tooLong]);
    }
}
