// The operator's view: rooms, wallets, usage and health, all by the server's own API.
import { act, announce, element, fillTexts, find, findAll, fromTemplate, hideNotice, notify } from './dom.js';
import { healthPart, usagePart } from './operator-figures.js';
import { roomsPart } from './operator-rooms.js';
import { walletsPart } from './operator-wallets.js';
import { texts } from './texts.js';

const base = new URL('.', document.baseURI);
let token = ''; // in this tab's memory alone

// One request to the service; an error has its `status` and `code`.
export async function ask(method, path, body) {
    const headers = { 'X-Service-Token': token };
    if (method !== 'GET') headers['Idempotency-Key'] = crypto.randomUUID();
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const reply = await fetch(new URL(path, base), { method, headers, body: body && JSON.stringify(body) });
    const answer = await reply.json().catch(() => ({}));
    if (reply.ok) return answer;
    const retryAfterSeconds = Number(reply.headers.get('Retry-After') ?? 60);
    throw Object.assign(new Error(answer.error), {
        status: reply.status,
        code: answer.error,
        retryAfterSeconds,
        answer,
    });
}

const parts = { rooms: roomsPart, wallets: walletsPart, usage: usagePart, health: healthPart };

function showParts(first = 'rooms', ...args) {
    find('#main').replaceChildren(fromTemplate('parts'));
    const show = (name, ...more) => {
        for (const tab of findAll('[role=tab]')) {
            tab.setAttribute('aria-selected', tab.id === `tab-${name}`);
            tab.tabIndex = tab.id === `tab-${name}` ? 0 : -1;
        }
        const part = find('#part');
        part.setAttribute('aria-labelledby', `tab-${name}`);
        part.replaceChildren(fromTemplate(name));
        hideNotice();
        announce(texts.operator[name]);
        parts[name](part, { ask, show }, ...more);
    };
    const tabs = Object.keys(parts).map((name) =>
        element(
            'button',
            { role: 'tab', id: `tab-${name}`, 'aria-controls': 'part', onclick: () => show(name) },
            texts.operator[name],
        ),
    );
    find('[role=tablist]').append(...tabs);
    find('[role=tablist]').addEventListener('keydown', ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (step === undefined) return;
        const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
        next.focus();
        next.click();
    });
    show(first, ...args);
}

function showEntry() {
    token = '';
    find('#forget').hidden = true;
    find('#main').replaceChildren(fromTemplate('enter'));
    const form = find('#main form');
    form.elements.token.focus();
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        act(form.querySelector('button'), async () => {
            token = form.elements.token.value.trim();
            try {
                await ask('GET', 'service/rooms?limit=1');
            } catch (error) {
                const said = { 403: texts.operator.wrongToken, 404: texts.operator.switchedOff }[error.status];
                if (said === undefined) throw error;
                return notify(said);
            }
            hideNotice();
            find('#forget').hidden = false;
            showParts();
        });
    });
}

fillTexts();
find('#forget').addEventListener('click', showEntry);
showEntry();
