// What became of one's seconds.
import { client } from './account.js';
import { dailyChart, lastDays } from './chart.js';
import { act, element, find, fromTemplate, notify } from './dom.js';
import { eventRow, figures, walletFigures } from './ledger.js';
import { sayError, texts } from './texts.js';

const chartDays = 14;
const pageSize = 200;
const mostPages = 10; // looked through for the chart

// What was used on each of the days, as far as the events tell.
function usedPerDay(days, events, pending) {
    const used = new Map(days.map((day) => [day, 0]));
    const add = (day, seconds) => used.has(day) && used.set(day, used.get(day) + seconds);
    for (const { kind, created_at, delta_seconds } of events)
        if (kind === 'debit_usage' || kind === 'refund_usage') add(created_at.slice(0, 10), -delta_seconds);
    if (pending) add(days.at(-1), -pending.delta_seconds);
    return days.map((day) => ({ day, seconds: Math.max(0, used.get(day)) }));
}

export function showStatement(main) {
    main.replaceChildren(fromTemplate('statement'));
    find('#statement-wallet').textContent = client.wallet;
    const [rows, more] = [find('#statement-rows'), find('[data-do=more]', main)];
    const days = lastDays(chartDays);
    let [events, cursor, pending] = [[], undefined, null];

    const loadPage = async () => {
        const page = await client.history({ limit: pageSize, cursor });
        if (cursor === undefined) {
            pending = page.pending;
            if (pending !== null) rows.append(eventRow({ ...pending, kind: 'pending' }));
        }
        events = events.concat(page.events);
        rows.append(...page.events.map((event) => eventRow(event)));
        cursor = page.next_cursor;
        more.hidden = cursor === null;
    };
    const load = async () => {
        rows.replaceChildren();
        [events, cursor] = [[], undefined];
        find('#statement-figures').replaceChildren(...figures(walletFigures(await client.credits())));
        do await loadPage();
        while (cursor !== null && events.length < pageSize * mostPages && events.at(-1).created_at >= days[0]);
        if (rows.children.length === 0)
            rows.append(element('tr', {}, element('td', { colspan: 4 }, texts.statement.empty)));
        const label = texts.statement.daysLabel(days[0], days.at(-1));
        find('#statement-chart').replaceChildren(dailyChart(usedPerDay(days, events, pending), label));
    };
    const celo = find('[data-do=celo]', main);
    celo.addEventListener('click', () =>
        act(celo, async () => {
            const { granted } = await client.verifyCelo();
            notify(granted ? texts.statement.celoGranted : texts.statement.celoHad, true);
            await load();
        }),
    );
    more.addEventListener('click', () => act(more, loadPage));
    load().catch((error) => rows.replaceChildren(element('tr', {}, element('td', { colspan: 4 }, sayError(error)))));
    return () => {};
}
