// The table that titles are checked against: what Unicode says, over all code points.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { root } from './service.mjs';
import { isHidden, isJoining, last, table } from './unicode.mjs';

const text = readFileSync(path.join(root, 'lib/base/unicode_ranges.h'), 'utf8');
const [, version] = text.match(/from Unicode ([\d.]+)\.$/m);
const isThisNodes = version === process.versions.unicode;

// Whether a code point is in the table of that name.
function reader(name) {
    const [, rows] = text.match(new RegExp(`^constexpr Range ${name}\\[\\] = \\{$(.*?)^\\};$`, 'ms'));
    const isIn = new Uint8Array(last + 1);
    for (const [, from, to] of rows.matchAll(/\{0x([0-9a-f]+), 0x([0-9a-f]+)\}/g))
        isIn.fill(1, parseInt(from, 16), parseInt(to, 16) + 1);
    return (point) => isIn[point] === 1;
}

it('has what Unicode calls hidden and joining, and nothing else', () => {
    const [hidden, joining] = ['hidden', 'joining'].map(reader);
    // Another version of Unicode knows characters that this one does not, and none of them tells anything.
    const isNew = (c, point) => !isThisNodes && (/\p{Cn}/u.test(c) || (hidden(point) && !isHidden(c)));
    let known = 0;
    for (let point = 0; point <= last; ++point) {
        const c = String.fromCodePoint(point);
        if (isNew(c, point)) continue;
        ++known;
        assert.equal(hidden(point), isHidden(c), `hidden: ${point.toString(16)}`);
        if (!isHidden(c)) assert.equal(joining(point), isJoining(c), `joining: ${point.toString(16)}`);
    }
    assert.ok(known > (isThisNodes ? 1_090_000 : 280_000), `${known}`);
});

it('is what the script makes', { skip: !isThisNodes && `made from Unicode ${version}` }, () =>
    assert.equal(text, table()));
