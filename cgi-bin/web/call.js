// The call that this tab is in, and the view of it. The call goes on while another view is shown.
import { client, onAccount, signIn } from './account.js';
import { act, announce, confirmed, element, find, fromTemplate, notify } from './dom.js';
import { showPeople } from './people.js';
import { Sound } from './sound.js';
import { duration, sayError, texts } from './texts.js';

const pollMs = 10_000;

// { kind, id, address, stay, sound, state, since }: `state` is 'joining', 'inside', 'lost' or 'ended'.
let current;
let onChange = () => {}; // of the view that is shown
const listeners = new Set();

export const currentCall = () => (['inside', 'lost'].includes(current?.state) ? current : undefined);
export const onCall = (listener) => listeners.add(listener);

// The tab's call, for when the page is loaded again.
const storageName = 'session-voice call';
export const isToGoOn = (address) =>
    client.wallet !== undefined && withStorage((storage) => storage.getItem(storageName)) === address;

// Some browsers throw where storage is forbidden.
function withStorage(use) {
    try {
        return use(sessionStorage);
    } catch {
        return undefined;
    }
}

function changed(call, state, more = {}) {
    Object.assign(call, { state }, more);
    if (state === 'inside') withStorage((storage) => storage.setItem(storageName, call.address));
    if (state === 'ended') withStorage((storage) => storage.removeItem(storageName));
    onChange(call);
    for (const listener of listeners) listener();
}

// Ends the call before, if there is one: a person is in one room.
async function enter(kind, id) {
    await current?.stay?.leave();
    const call = { kind, id, address: location.hash, sound: new Sound() };
    current = call;
    changed(call, 'joining');
    try {
        call.stay = await (kind === 'room' ? client.join(id) : client.joinSession(id));
    } catch (error) {
        return changed(call, 'ended', { said: sayError(error) });
    }
    call.first = call.stay.remainingSeconds;
    const { stay, sound } = call;
    stay.on('low', () => changed(call, call.state, { warning: texts.call.low }));
    stay.on('exhausted', () => changed(call, call.state, { warning: texts.call.exhausted }));
    stay.on('denied', () => changed(call, call.state, { warning: texts.call.exhausted }));
    stay.on('lost', () => changed(call, 'lost'));
    stay.on('back', () => changed(call, 'inside', { warning: undefined }));
    stay.on('ended', ({ reason }) =>
        changed(call, 'ended', { said: texts.call.ended[reason] ?? texts.call.ended.gave_up }),
    );
    sound.onChange = () => onChange(call);
    sound.follow(stay);
    return changed(call, 'inside');
}

async function leave(call) {
    const answer = await call.stay.leave();
    if (answer?.debited_seconds === undefined) return;
    changed(call, 'ended', { said: texts.call.left(duration(answer.debited_seconds)) });
}

const stateOf = {
    outside: () => (client.wallet ? ['', ''] : [texts.call.signInFirst, '']),
    joining: () => [texts.call.joining, ''],
    inside: ({ warning }) => (warning ? [warning, 'warn'] : [texts.call.inside, '']),
    lost: () => [texts.call.lost, 'bad'],
    ended: ({ said }) => [said, ''],
};

// The view of one call. `joins`: the person asked for it by a click.
class View {
    constructor(main, { kind, id, open }) {
        Object.assign(this, { main, kind, id, open });
        main.replaceChildren(fromTemplate('call'));
        find('#call-kind').textContent = kind === 'room' ? texts.call.room : texts.call.session;
        find('#here').hidden = kind === 'session'; // the service tells nobody who is in one
        find('#call-title').textContent = kind === 'room' ? texts.rooms.untitled : texts.call.sessionTitle(id);
        for (const name of ['join', 'mute', 'copy', 'leave', 'close'])
            this.#button(name).addEventListener('click', ({ currentTarget }) => act(currentTarget, () => this[name]()));
        this.timers = [setInterval(() => this.tick(), 1000), setInterval(() => this.load(), pollMs)];
        this.stop = onAccount(() => this.render());
    }

    #button(name) {
        return find(`[data-do=${name}]`, this.main);
    }

    // The call of this view, if the tab is or was in it.
    get call() {
        return current?.kind === this.kind && current.id === this.id ? current : { kind: this.kind, state: 'outside' };
    }

    end() {
        this.timers.forEach(clearInterval);
        this.stop();
        onChange = () => {};
    }

    async join() {
        if (!client.wallet && !(await signIn())) return;
        await enter(this.kind, this.id);
        await this.load();
    }

    async mute() {
        await this.call.sound.setMuted(!this.call.sound.isMuted);
    }

    async copy() {
        await navigator.clipboard.writeText(location.href);
        notify(texts.call.copied, true);
    }

    async leave() {
        await leave(this.call);
        await this.load();
    }

    async close() {
        if (await confirmed(texts.call.sureClose, texts.call.close)) await client.closeRoom(this.id);
    }

    // Who is here, as the service knows it.
    async load() {
        if (this.kind !== 'room' || !client.wallet || document.visibilityState === 'hidden') return;
        try {
            this.room = await client.room(this.id);
            find('#call-title').textContent = this.room.title ?? texts.rooms.untitled;
            if (this.room.visibility === 'private') find('#call-kind').textContent = texts.call.privateRoom;
        } catch (error) {
            if (error.status !== 404) return; // what was seen last is better than nothing
            this.room = undefined;
            if (this.call.state === 'outside') this.gone = sayError(error);
        }
        this.#doubt();
        this.render();
    }

    // Whoever is not among those who are here asks at once what has become of the seat.
    #doubt() {
        const { state, stay } = this.call;
        if (state !== 'inside') return;
        const isHere = this.room?.participants.some(({ connection_id }) => connection_id === stay.seat.connection_id);
        if (!isHere) stay.check();
    }

    tick() {
        const { stay, state, first } = this.call;
        const left = stay?.remainingSeconds;
        find('#call-clock').hidden = left === undefined || !['inside', 'lost'].includes(state);
        if (left === undefined) return;
        find('#call-remaining').textContent = duration(left);
        find('#call-share').value = Math.min(1, left / Math.max(1, first));
    }

    render() {
        const { call } = this;
        const isIn = ['inside', 'lost'].includes(call.state);
        const [said, kind] = this.gone && call.state === 'outside' ? [this.gone, ''] : stateOf[call.state](call);
        const state = find('#call-state');
        if (state.textContent !== said) state.textContent = said;
        state.className = `state ${kind}`;
        const inside = find('#inside');
        const tookFocus = !isIn && inside.contains(document.activeElement);
        inside.hidden = !isIn;
        if (tookFocus) find('#call-title').focus(); // the element that had it is gone
        find('#outside').hidden = isIn;
        this.#button('join').disabled = call.state === 'joining' || this.gone !== undefined;
        const mute = this.#button('mute');
        mute.hidden = !call.sound?.hasMicrophone;
        mute.textContent = call.sound?.isMuted ? texts.call.unmute : texts.call.mute;
        mute.setAttribute('aria-pressed', call.sound?.isMuted ?? false);
        this.#button('close').hidden = !(isIn && call.stay.seat.is_host);
        find('#call-sound').textContent = call.state === 'inside' ? texts.sound[call.sound.state] : '';
        document.title = isIn ? `${texts.call.inTitle} · ${texts.name}` : texts.name;
        showPeople(this.#people(), {
            isHost: isIn && call.stay.seat.is_host,
            remove: (person) => this.#remove(person),
        });
        this.tick();
    }

    #people() {
        const { call, room } = this;
        const speaking = call.sound?.speaking ?? new Set();
        return (room?.participants ?? []).map(({ wallet, agora_uid, connection_id }) => ({
            wallet,
            connection_id,
            isYou: wallet === client.wallet,
            isHost: wallet === room.host_wallet,
            isSpeaking: speaking.has(agora_uid),
        }));
    }

    async #remove({ connection_id }) {
        await client.removeParticipant(this.id, connection_id);
        await this.load();
    }
}

export function showCall(main, { kind, id, joins, open }) {
    const view = new View(main, { kind, id, open });
    let shown;
    onChange = (call) => {
        view.render();
        if (call.state !== shown) announce(find('#call-state').textContent);
        if (call.sound?.peopleChanged) {
            call.sound.peopleChanged = false;
            view.load();
        }
        shown = call.state;
    };
    view.render();
    view.load();
    if (joins && view.call.state !== 'inside') act(find('[data-do=join]', main), () => view.join());
    return () => view.end();
}
