// One wallet: its statement, and what an operator does about it.
import { act, element, find, findAll, fromTemplate, notify } from './dom.js';
import { eventRow, figures, walletFigures } from './ledger.js';
import { instant, texts } from './texts.js';

const said = texts.operator;

// The fields that are filled in; those of seconds as numbers.
function fields(form) {
    return Object.fromEntries(
        [...new FormData(form)]
            .map(([name, value]) => [name, value.trim()])
            .filter(([, value]) => value !== '')
            .map(([name, value]) => [name, ['seconds', 'expires_in'].includes(name) ? Number(value) : value]),
    );
}

function marksOf(account) {
    const marks = [];
    if (account.stay !== null) marks.push(said.stay(account.stay.room_id));
    if (account.hosted_room !== null) marks.push(said.hosts(account.hosted_room.room_id));
    const { ban } = account;
    if (ban !== null) marks.push(said.banned(ban.reason ?? said.noReason, ban.expires_at && instant(ban.expires_at)));
    return marks.map((mark) => element('p', { class: 'state warn' }, mark));
}

async function showWallet(place, wallet, ask) {
    const path = `service/wallets/${encodeURIComponent(wallet)}`;
    const account = await ask('GET', path);
    const view = fromTemplate('wallet-view');
    const part = (name) => find(`[data-part=${name}]`, view);
    part('wallet').textContent = account.wallet;
    part('marks').append(...marksOf(account));
    part('figures').append(...figures([...walletFigures(account), [said.adjusted, account.adjusted_seconds]]));

    const [rows, more, unban] = [part('rows'), part('more'), part('unban')];
    const refund = find('[data-do=refund]', view);
    let cursor = '';
    const load = async () => {
        const page = await ask('GET', `${path}/history${cursor && `?cursor=${encodeURIComponent(cursor)}`}`);
        if (!cursor && page.pending !== null)
            rows.append(eventRow({ ...page.pending, kind: 'pending' }, element('td')));
        for (const event of page.events) {
            const choose = () => {
                refund.elements.connection_id.value = event.connection_id;
                refund.elements.seconds.focus();
            };
            const button =
                event.kind === 'debit_usage'
                    ? element('button', { class: 'quiet small', type: 'button', onclick: choose }, said.refundThis)
                    : '';
            rows.append(eventRow(event, element('td', {}, button)));
        }
        cursor = page.next_cursor;
        more.hidden = cursor === null;
    };
    await load();
    more.addEventListener('click', () => act(more, load));

    const again = () => showWallet(place, wallet, ask);
    const change = async (method, at, body) => {
        const answer = await ask(method, at, body);
        await again();
        notify(answer.granted === false ? said.grantedBefore : said.done, true);
    };
    const changes = {
        grant: (body) => change('POST', 'service/credits/grant', { wallet: account.wallet, ...body }),
        refund: (body) => change('POST', 'service/credits/refund', body),
        ban: (body) => change('PUT', `${path}/ban`, body),
    };
    for (const form of findAll('form', view))
        form.addEventListener('submit', (event) => {
            event.preventDefault();
            act(find('button', form), () => changes[form.dataset.do](fields(form)));
        });
    unban.hidden = account.ban === null;
    unban.addEventListener('click', () => act(unban, () => change('DELETE', `${path}/ban`)));
    place.replaceChildren(view);
}

export function walletsPart(part, { ask }, wallet) {
    const form = find('#look', part);
    const look = () =>
        act(find('button', form), () => showWallet(find('#wallet', part), form.elements.wallet.value.trim(), ask));
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        look();
    });
    if (wallet === undefined) return;
    form.elements.wallet.value = wallet;
    look();
}
