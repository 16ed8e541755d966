// What the statement and the operator's view show of a wallet's seconds.
import { element } from './dom.js';
import { duration, instant, texts } from './texts.js';

// Pairs of a name and a value; a number is of seconds.
export const figures = (pairs) =>
    pairs.map(([name, value]) =>
        element(
            'div',
            {},
            element('dt', {}, name),
            element('dd', {}, typeof value === 'number' ? signed(value, '') : value),
        ),
    );

export const walletFigures = (account) => [
    [texts.statement.remaining, account.remaining_seconds],
    [texts.statement.base, account.base_granted_seconds],
    [texts.statement.bonus, account.bonus_granted_seconds],
    [texts.statement.consumed, account.consumed_seconds],
];

const signed = (seconds, plus = '+') => `${seconds < 0 ? '−' : seconds > 0 ? plus : ''}${duration(Math.abs(seconds))}`;

// A row of the table of changes, with more cells at its end.
export function eventRow(event, ...cells) {
    const kind = texts.statement.kinds[event.kind] ?? event.kind;
    return element(
        'tr',
        {},
        element('td', {}, event.created_at === undefined ? texts.statement.pending : instant(event.created_at)),
        element('td', {}, event.reason ? `${kind}: ${event.reason}` : kind),
        element('td', { class: 'number' }, signed(event.delta_seconds)),
        element('td', { class: 'number' }, duration(event.balance_after_seconds)),
        ...cells,
    );
}
