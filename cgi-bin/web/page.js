// The page: which view is shown, by what stands behind # in its address.
import { begin, client, onAccount } from './account.js';
import { currentCall, isToGoOn, onCall, showCall } from './call.js';
import { announce, element, fillTexts, find, hideNotice } from './dom.js';
import { showHome } from './home.js';
import { showStatement } from './statement.js';
import { texts } from './texts.js';

const main = find('#main');
let end = () => {};
let joinsNext = isToGoOn(location.hash); // or when a person asked for it by a click on this page

// Goes to a view; to a call, into it.
function open(address) {
    joinsNext = true;
    if (location.hash === address) show();
    else location.hash = address;
}

const viewOf = {
    room: (id, joins) => showCall(main, { kind: 'room', id, joins, open }),
    session: (id, joins) => showCall(main, { kind: 'session', id: decodeURIComponent(id), joins, open }),
    statement: () => (client.wallet ? showStatement(main) : showHome(main, { open })),
};

function show() {
    const [name, id] = location.hash.slice(1).split('/');
    const joins = joinsNext;
    joinsNext = false;
    end();
    hideNotice();
    document.title = texts.name;
    end = (viewOf[name] ?? (() => showHome(main, { open })))(id ?? '', joins);
    showWayBack();
    const title = find('h1', main);
    if (title !== null && document.activeElement === document.body) title.focus({ preventScroll: true });
    announce(title?.textContent ?? '');
    scrollTo(0, 0);
}

// Whoever looks at something else during a call finds the way back to it.
function showWayBack() {
    find('#way-back')?.remove();
    const call = currentCall();
    if (call === undefined || location.hash === call.address) return;
    find('#account').prepend(
        element('a', { id: 'way-back', class: 'button small', href: call.address }, texts.call.wayBack),
    );
}

// A click on a room's card is a wish to be in it.
main.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#room/"]');
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link.getAttribute('href'));
});

fillTexts();
onCall(showWayBack);
let shownWallet;
onAccount(() => {
    if (client.wallet === shownWallet) return;
    shownWallet = client.wallet;
    if (location.hash === '#statement') show();
});
begin();
shownWallet = client.wallet;
addEventListener('hashchange', show);
show();
