// Who is in a call: a list that changes in place, so that nobody who reads or operates it loses their place.
import { act, element, find } from './dom.js';
import { shortWallet, texts } from './texts.js';

// A face of a wallet's own: two colours of its digits.
function face(wallet) {
    const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const shape = (name, attributes) => {
        const made = document.createElementNS('http://www.w3.org/2000/svg', name);
        for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
        picture.append(made);
    };
    const hue = (from) => (parseInt(wallet.slice(from, from + 4), 16) * 360) / 65536;
    for (const [attribute, value] of Object.entries({ viewBox: '0 0 40 40', class: 'face', 'aria-hidden': 'true' }))
        picture.setAttribute(attribute, value);
    shape('rect', { width: 40, height: 40, fill: `hsl(${hue(2)} 55% 45%)` });
    shape('circle', { cx: 8 + parseInt(wallet.slice(10, 12), 16) / 10, cy: 26, r: 16, fill: `hsl(${hue(6)} 60% 65%)` });
    return picture;
}

function rowOf(person, { isHost, remove }) {
    const marks = [
        person.isYou && texts.call.you,
        person.isHost && texts.call.host,
        person.isSpeaking && texts.call.speaking,
    ];
    const label = texts.call.remove(shortWallet(person.wallet));
    const button = element(
        'button',
        {
            class: 'quiet danger small',
            'aria-label': label,
            onclick: ({ currentTarget }) => act(currentTarget, () => remove(person)),
        },
        texts.call.removeShort,
    );
    return element(
        'li',
        {
            class: person.isSpeaking ? 'person speaking' : 'person',
            'data-connection': person.connection_id,
            'data-shown': JSON.stringify([marks, isHost]),
        },
        face(person.wallet),
        element(
            'div',
            { class: 'who' },
            element('b', {}, shortWallet(person.wallet)),
            element('span', {}, marks.filter(Boolean).join(' · ')),
        ),
        isHost && !person.isYou ? button : undefined,
    );
}

export function showPeople(people, options) {
    const list = find('#people');
    const shown = new Map([...list.children].map((row) => [row.dataset.connection, row]));
    const rows = people.map((person) => {
        const [before, row] = [shown.get(person.connection_id), rowOf(person, options)];
        return before?.dataset.shown === row.dataset.shown ? before : row;
    });
    if (rows.length !== list.children.length || rows.some((row, index) => row !== list.children[index]))
        list.replaceChildren(...rows);
    find('#people-empty').hidden = people.length > 0;
}
