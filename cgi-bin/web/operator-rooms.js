// The rooms that are open now, with whoever is in them.
import { act, confirmed, element, find } from './dom.js';
import { duration, instant, sayError, shortWallet, texts } from './texts.js';

const said = texts.operator;

function participantLine(room, participant, { ask, show }, reload) {
    const kick = async () => {
        if (!(await confirmed(said.sureKick, said.kick))) return;
        await ask('DELETE', `service/rooms/${room.room_id}/participants/${participant.connection_id}`);
        await reload();
    };
    return element(
        'div',
        { class: 'split' },
        element(
            'p',
            {},
            element(
                'button',
                { class: 'quiet small', onclick: () => show('wallets', participant.wallet) },
                shortWallet(participant.wallet),
            ),
            ` ${said.since} ${instant(participant.joined_at)}`,
        ),
        element(
            'button',
            {
                class: 'danger small',
                'aria-label': said.kickLabel(participant.wallet),
                onclick: ({ currentTarget }) => act(currentTarget, kick),
            },
            said.kick,
        ),
    );
}

function roomCard(room, tools, reload) {
    const title = room.title ?? said.noTitle;
    const close = async () => {
        if (!(await confirmed(said.sureClose, said.close))) return;
        await tools.ask('DELETE', `service/rooms/${room.room_id}`);
        await reload();
    };
    const age = duration((Date.now() - Date.parse(room.created_at)) / 1000);
    const marks = [texts.rooms.people(room.participants.length, room.capacity), age];
    if (room.visibility === 'private') marks.unshift(said.private);
    return element(
        'li',
        { class: 'panel' },
        element(
            'div',
            { class: 'split' },
            element('div', {}, element('h3', {}, title), element('p', { class: 'hint' }, marks.join(' · '))),
            element(
                'button',
                {
                    class: 'danger small',
                    'aria-label': said.closeLabel(title),
                    onclick: ({ currentTarget }) => act(currentTarget, close),
                },
                said.close,
            ),
        ),
        ...room.participants.map((participant) => participantLine(room, participant, tools, reload)),
    );
}

export function roomsPart(part, tools) {
    const list = find('#room-list', part);
    const more = find('[data-do=more]', part);
    let cursor;
    const load = async (from) => {
        const page = await tools.ask(
            'GET',
            `service/rooms?limit=50${from ? `&cursor=${encodeURIComponent(from)}` : ''}`,
        );
        if (!from) list.replaceChildren();
        list.append(...page.rooms.map((room) => roomCard(room, tools, () => load())));
        cursor = page.next_cursor;
        more.hidden = cursor === null;
        find('#rooms-empty', part).hidden = list.children.length > 0;
    };
    more.addEventListener('click', () => act(more, () => load(cursor)));
    const refresh = find('[data-do=refresh]', part);
    refresh.addEventListener('click', () => act(refresh, () => load()));
    list.append(element('li', { class: 'card waiting', 'aria-label': texts.loading }));
    load().catch((error) => list.replaceChildren(element('li', { class: 'empty' }, sayError(error))));
}
