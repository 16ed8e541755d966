// Usage a day, and health.
import { dailyChart, lastDays } from './chart.js';
import { act, element, find } from './dom.js';
import { figures } from './ledger.js';
import { duration, sayError, texts } from './texts.js';

const said = texts.operator;

const columns = [
    [said.day, (day) => day.day],
    [said.debited, (day) => duration(day.debited_seconds)],
    [said.grantedSeconds, (day) => duration(day.granted_seconds)],
    [said.refunded, (day) => duration(day.refunded_seconds)],
    [said.peopleSeen, (day) => day.wallets],
    [said.roomsSeen, (day) => day.rooms],
    [said.completed, (day) => day.sessions.completed],
    [said.noShows, (day) => day.sessions.no_show_host + day.sessions.no_show_guest],
];

export function usagePart(part, { ask }) {
    const form = find('form', part);
    const { from, to } = form.elements;
    const days = lastDays(30);
    [from.value, to.value] = [days[0], days.at(-1)];
    find('[data-part=head]', part).append(
        ...columns.map(([name], index) => element('th', { class: index > 0 && 'number' }, name)),
    );
    const load = async () => {
        const usage = await ask('GET', `service/usage?from=${from.value}&to=${to.value}`);
        const charged = usage.days.map(({ day, debited_seconds }) => ({ day, seconds: debited_seconds }));
        find('[data-part=chart]', part).replaceChildren(dailyChart(charged, said.usageLabel(from.value, to.value)));
        const rows = usage.days.map((day) =>
            element(
                'tr',
                {},
                ...columns.map(([, of], index) => element('td', { class: index > 0 && 'number' }, String(of(day)))),
            ),
        );
        find('[data-part=rows]', part).replaceChildren(...rows.reverse());
    };
    const show = (event) => {
        event?.preventDefault();
        act(find('button', form), load);
    };
    form.addEventListener('submit', show);
    show();
}

export function healthPart(part, { ask }) {
    const state = find('[data-part=state]', part);
    const load = async () => {
        try {
            const health = await ask('GET', 'health');
            const isWell = !health.sweep_stale && !health.clock_differs;
            state.className = isWell ? 'state' : 'state warn';
            state.textContent = health.sweep_stale ? said.stale : health.clock_differs ? said.clock : said.answers;
            const age = health.last_sweep_age_seconds;
            find('[data-part=figures]', part).replaceChildren(
                ...figures([
                    [said.schema, String(health.schema_version)],
                    [said.sweep, age === null ? said.never : said.ago(age)],
                ]),
            );
        } catch (error) {
            state.className = 'state bad';
            state.textContent = sayError(error);
        }
    };
    const refresh = find('[data-do=refresh]', part);
    refresh.addEventListener('click', () => act(refresh, load));
    load();
}
