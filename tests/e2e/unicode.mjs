// What titles are checked against, from the Unicode data that Node brings along. To renew the table:
//     node tests/e2e/unicode.mjs >lib/base/unicode_ranges.h

// Nothing to see, or nothing yet: controls, line separators, the invisible, private, surrogate and unassigned ones.
export const isHidden = (c) => /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Co}\p{Cs}\p{Cn}\uFFF9-\uFFFB]/u.test(c);

// What a joiner or a variation selector does something to: emoji and other symbols, ideographs, and the scripts whose
// letters join or stack. Not those in which an invisible character could only deceive.
const plainScripts =
    /[\p{sc=Latin}\p{sc=Greek}\p{sc=Coptic}\p{sc=Cyrillic}\p{sc=Armenian}\p{sc=Georgian}\p{sc=Cherokee}\p{sc=Hangul}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Bopomofo}\p{sc=Common}\p{sc=Inherited}]/u;
export const isJoining = (c) =>
    /[\p{Emoji}\p{Extended_Pictographic}\p{Ideographic}]/u.test(c) ||
    (/\p{S}/u.test(c) && c >= '\u2000') ||
    (/[\p{L}\p{M}\p{N}]/u.test(c) && !plainScripts.test(c)) ||
    (/\p{M}/u.test(c) && /[\p{scx=Arabic}\p{scx=Devanagari}]/u.test(c));

export const last = 0x10ffff;

// [first, last] of each run of code points that are `isIn`. One that is `isEither` may lie within a run.
export function ranges(isIn, isEither = () => false) {
    const found = [];
    let open = false;
    for (let point = 0; point <= last; ++point) {
        const c = String.fromCodePoint(point);
        if (isIn(c)) {
            if (open) found.at(-1)[1] = point;
            else found.push([point, point]);
            open = true;
        } else if (!isEither(c)) {
            open = false;
        }
    }
    return found;
}

function array(name, list) {
    const texts = list.map((range) => `{${range.map((point) => `0x${point.toString(16)}`).join(', ')}},`);
    const lines = [''];
    for (const text of texts) {
        if (lines.at(-1).length + text.length + 1 > 106) lines.push('');
        lines[lines.length - 1] += ` ${text}`;
    }
    return `constexpr Range ${name}[] = {\n${lines.map((line) => `   ${line}\n`).join('')}};\n`;
}

export const table = () => `// Made by tests/e2e/unicode.mjs from Unicode ${process.versions.unicode}.
#pragma once

// clang-format off
namespace base::unicode {

struct Range
{
    char32_t first, last;
};

// Nothing to see, or nothing yet: controls, line separators, the invisible, private, surrogate and unassigned ones.
${array('hidden', ranges(isHidden))}
// What a joiner or a variation selector does something to. The hidden ones between them do not matter.
${array('joining', ranges(isJoining, isHidden))}
} // namespace base::unicode
`;

if (import.meta.filename === process.argv[1]) process.stdout.write(table());
