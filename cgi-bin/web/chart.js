// A chart of one bar a day.
import { duration } from './texts.js';

const width = 640;
const height = 180;
const [left, right, top, bottom] = [44, 8, 12, 24];

function shape(name, attributes, text) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    if (text !== undefined) made.textContent = text;
    return made;
}

// The next of 1, 2 and 5 minutes or hours, and so on, that is at least a third of the highest: the lines between.
function stepFor(highest) {
    const steps = [10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];
    for (let hours = 1; hours < 1e9; hours *= 10) steps.push(7200 * hours, 18000 * hours, 36000 * hours);
    return steps.find((step) => step * 3 >= highest) ?? highest / 3;
}

// `days`: [{ day: '2026-01-31', seconds }], the oldest first.
export function dailyChart(days, label) {
    const step = stepFor(Math.max(1, ...days.map(({ seconds }) => seconds)));
    const ceiling = step * 3;
    const y = (seconds) => top + (height - top - bottom) * (1 - Math.min(seconds, ceiling) / ceiling);
    const slot = (width - left - right) / days.length;
    const svg = shape('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label });
    for (const line of [0, 1, 2, 3]) {
        const at = y(line * step);
        svg.append(
            shape('line', { class: 'grid', x1: left, x2: width - right, y1: at, y2: at }),
            shape('text', { class: 'axis', x: left - 6, y: at + 4, 'text-anchor': 'end' }, duration(line * step)),
        );
    }
    const named = Math.ceil(days.length / 7);
    days.forEach(({ day, seconds }, index) => {
        const x = left + slot * index;
        const bar = shape('rect', {
            class: 'mark',
            x: x + slot * 0.15,
            width: slot * 0.7,
            y: y(seconds),
            height: Math.max(0, y(0) - y(seconds)),
            rx: Math.min(3, slot * 0.2),
        });
        bar.append(shape('title', {}, `${day}: ${duration(seconds)}`));
        svg.append(bar);
        if ((days.length - 1 - index) % named === 0)
            svg.append(
                shape('text', { class: 'axis', x: x + slot / 2, y: height - 6, 'text-anchor': 'middle' }, day.slice(5)),
            );
    });
    return svg;
}

// The last `count` days up to that one, in UTC.
export function lastDays(count, now = Date.now()) {
    return Array.from({ length: count }, (_, index) =>
        new Date(now - (count - 1 - index) * 86_400_000).toISOString().slice(0, 10),
    );
}
