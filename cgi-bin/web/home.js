// The first view: who talks now, and how to begin.
import { canTry, client, onAccount, signIn, tryWithoutWallet } from './account.js';
import { act, element, find, fromTemplate } from './dom.js';
import { sayError, shortWallet, texts } from './texts.js';

const pollMs = 15_000;

function roomCard(room) {
    const isFull = room.participant_count >= room.capacity;
    const title = room.title ?? texts.rooms.untitled;
    return element(
        'li',
        { class: 'card' },
        element(
            'div',
            {},
            element('h3', {}, title),
            element(
                'p',
                {},
                `${texts.rooms.by(shortWallet(room.host_wallet))} · ${texts.rooms.people(room.participant_count, room.capacity)}`,
            ),
        ),
        isFull
            ? element('p', {}, texts.rooms.full)
            : element(
                  'a',
                  {
                      class: 'button small',
                      href: `#room/${room.room_id}`,
                      'aria-label': `${texts.rooms.join}: ${title}`,
                  },
                  texts.rooms.join,
              ),
    );
}

// `open` goes to a view, and into the call there. Gives back what ends the view.
export function showHome(main, { open }) {
    main.replaceChildren(fromTemplate('home'));
    const list = find('#rooms');
    const waiting = () => element('li', { class: 'card waiting', 'aria-label': texts.loading });
    list.replaceChildren(waiting(), waiting());

    const load = async () => {
        try {
            const rooms = await client.rooms();
            list.replaceChildren(...rooms.map(roomCard));
            find('#rooms-empty').hidden = rooms.length > 0;
        } catch (error) {
            const again = element('button', { class: 'second small', onclick: load }, texts.again);
            list.replaceChildren(element('li', { class: 'card' }, element('div', {}, sayError(error)), again));
        }
        list.setAttribute('aria-busy', 'false');
    };
    load();
    const timer = setInterval(() => document.visibilityState === 'visible' && load(), pollMs);

    const guest = find('[data-for=guest]', main);
    const demo = find('[data-do=demo]', main);
    const show = () => {
        guest.hidden = Boolean(client.wallet);
        demo.hidden = !canTry();
    };
    const stop = onAccount(show);
    show();
    find('[data-do=signIn]', main).addEventListener('click', ({ currentTarget }) => act(currentTarget, signIn));
    demo.addEventListener('click', () => act(demo, tryWithoutWallet));

    const create = find('#create');
    create.addEventListener('submit', (event) => {
        event.preventDefault();
        act(find('button', create), async () => {
            if (!client.wallet && !(await signIn())) return;
            const { title, visibility } = create.elements;
            const named = title.value.trim() === '' ? {} : { title: title.value.trim() };
            const room = await client.create({ visibility: visibility.value, ...named });
            open(`#room/${room.room_id}`);
        });
    });
    const book = find('#book');
    book.addEventListener('submit', (event) => {
        event.preventDefault();
        open(`#session/${encodeURIComponent(book.elements.booking_id.value.trim())}`);
    });
    return () => {
        clearInterval(timer);
        stop();
    };
}
