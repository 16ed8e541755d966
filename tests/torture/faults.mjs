// Small faults that a hand could make, found in the text of a source: { kind, file, at, length, put }, where `put`
// takes the place of `length` characters at `at`. As many lines as before, so that no other line moves.

// What is code, what a text, and what says nothing to the machine: 'c', '"' or ' ' for each character.
function sorted(text, lineComment) {
    const sort = new Array(text.length).fill('c');
    const mark = (from, to, as) => sort.fill(as, from, to);
    const tokens = lineComment === '--'
        ? /--[^\n]*|'(?:[^']|'')*'/g
        : /\/\/[^\n]*|\/\*[^]*?\*\/|R"(\w*)\([^]*?\)\1"|"(?:[^"\\\n]|\\.)*"|(?<!\d)'(?:[^'\\\n]|\\.)+'|^#(?:[^\n]*\\\n)*[^\n]*/gm;
    for (const { 0: token, index } of text.matchAll(tokens))
        mark(index, index + token.length, /^R?"/.test(token) ? '"' : ' ');
    // What is only said to a log, asserted, or a matter of memory.
    for (const { 0: call, index } of text.matchAll(/\b(?:(?:static_)?assert|(?:base::)?log|[\w.]+\.reserve)(?=\()/g))
        mark(index, closing(text, index + call.length), ' ');
    return sort;
}

const only = (text, sort, wanted) => [...text].map((c, at) => (sort[at] === wanted || c === '\n' ? c : ' ')).join('');

// Behind the bracket that closes the one at `at`.
function closing(text, at) {
    let depth = 0;
    for (; at < text.length; at += 1) {
        if ('([{'.includes(text[at])) depth += 1;
        if (')]}'.includes(text[at]) && (depth -= 1) === 0) return at + 1;
    }
    return text.length;
}

const opposite = {
    '<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '==', '&&': '||', '||': '&&',
    '+': '-', '-': '+', '*': '/', '/': '*', '+=': '-=', '-=': '+=',
    'std::min(': 'std::max(', 'std::max(': 'std::min(', true: 'false', false: 'true',
};

function* operators(code, text, sort) {
    for (const { 1: operator, index } of code.matchAll(/(?<=[\w)\]}] )([<>=!]=|[<>+*/-]|[+-]=|&&|\|\|)(?=[ \n])/g)) {
        // Texts can be added, and nothing else.
        const isOfTexts = [text.slice(0, index).trimEnd().length - 1, index + text.slice(index + 1).search(/\S/) + 1]
            .some((at) => sort[at] === '"');
        if (!isOfTexts || /[=<>&|]/.test(operator)) yield [index, operator, opposite[operator]];
    }
    for (const { 0: name, index } of code.matchAll(/std::(?:min|max)\(/g)) yield [index, name, opposite[name]];
}

function* constants(code) {
    for (const { 0: number, index } of code.matchAll(/(?<![\w.'])\d+(?![\w.'])/g)) {
        yield [index, number, String(BigInt(number) + 1n)];
        if (number !== '0') yield [index, number, String(BigInt(number) - 1n)];
    }
    for (const { 0: word, index } of code.matchAll(/\b(?:true|false)\b/g)) yield [index, word, opposite[word]];
}

function* conditions(code, text) {
    for (const { 0: head, index } of code.matchAll(/\b(?:if|while) (?=\()/g)) {
        const end = closing(code, index + head.length) - 1;
        const from = Math.max(code.lastIndexOf(';', end), index + head.length) + 1;
        const condition = text.slice(from, end);
        if (/[^=!<>]=[^=]/.test(code.slice(from, end).replace(/\([^()]*\)/g, ''))) continue; // it declares something
        yield [from, condition, ` false && (${condition})`];
        if (head === 'if ') yield [from, condition, ` !(${condition})`];
    }
    for (const { index } of code.matchAll(/(?<=[( ])!(?=[\w(])/g)) yield [index, '!', ''];
}

function* calls(code, text) {
    for (const { 0: start, index } of code.matchAll(/(?<=[;{})]\n|else\n) +(?!(?:return|throw|if|for|while|switch|catch)\b)[a-z_][\w:.>-]*(?=\()/g)) {
        let end = index + start.length;
        while (end < code.length && !/[;{}]/.test(code[end])) end = code[end] === '(' ? closing(code, end) : end + 1;
        const call = text.slice(index, end);
        if (code[end] === ';' && !/(?<![=!<>])=(?!=)/.test(code.slice(index, end).replace(/\([^]*\)/g, '')))
            yield [index, call, call.replace(/[^\n]/g, '')];
    }
}

const comparison = String.raw`[\w.]+ (?:=|<>|<=|>=|<|>|IS NOT|IS) :?[\w.']+`;

// Of the SQL in a text.
function* clauses(sql) {
    for (const match of sql.matchAll(new RegExp(`(?<=\\b(?:WHERE|AND|OR|WHEN) )${comparison}`, 'g'))) {
        yield [match.index, match[0], `(1 OR ${match[0]})`];
        yield [match.index, match[0], `NOT (${match[0]})`];
    }
    for (const [pattern, put] of [
        [/ (?:<|<=|>|>=) /g, (found) => ` ${opposite[found.trim()]} `],
        [/(?<=[\w)] )[+-](?= [\w(:])/g, (found) => opposite[found]],
        [/\bIS NULL\b/g, () => 'IS NOT NULL'],
        [/\bIS NOT NULL\b/g, () => 'IS NULL'],
        [/(?<!BETWEEN [\w:]+) AND (?!:?\d)/g, () => ' OR '],
        [/ OR (?!IGNORE|REPLACE)/g, () => ' AND '],
        [/ DESC\b/g, () => ''],
        [/ORDER BY [\w.]+(?=[ ,"]|$)(?! DESC)/g, (found) => `${found} DESC`],
        [/\b(?:min|max)\(/g, (found) => (found === 'min(' ? 'max(' : 'min(')],
        [/\bNOT EXISTS\b/g, () => 'EXISTS'],
        [/ ON CONFLICT DO NOTHING/g, () => ''],
        [/(?<=(?:LIMIT|=|<|>) )\d+\b/g, (found) => String(Number(found) + 1)],
    ])
        for (const { 0: found, index } of sql.matchAll(pattern)) yield [index, found, put(found)];
}

// What the schema sees to: that nothing else can be in the database.
function* guards(code, text) {
    for (const { index } of code.matchAll(/^CREATE TRIGGER [^]*?^END;/gm)) {
        const trigger = text.slice(index, text.indexOf('\nEND;', index) + 5);
        yield [index, trigger, trigger.replace(/[^\n]/g, '')];
    }
    for (const { 0: head, index } of code.matchAll(/\bCHECK (?=\()/g)) {
        const condition = text.slice(index + head.length, closing(code, index + head.length));
        yield [index + head.length, condition, `(1 OR ${condition})`];
    }
    for (const { index } of code.matchAll(/(?<=CREATE )UNIQUE /g)) yield [index, 'UNIQUE ', ''];
    for (const { 0: reference, index } of code.matchAll(/ REFERENCES \w+ \(\w+\)/g)) yield [index, reference, ''];
}

const faultsOf = {
    operator: operators, constant: constants, condition: conditions, call: calls,
    SQL: (code, text, sort) => clauses(only(text, sort, '"').replace(/^(?!.*\b(?:SELECT|FROM|WHERE|AND|OR|SET|ORDER|LIMIT|VALUES)\b).*$/gm, (line) => ' '.repeat(line.length))),
};

export function faultsIn(file, text) {
    const isSchema = file.endsWith('.sql');
    const sort = sorted(text, isSchema ? '--' : '//');
    const code = only(text, sort, 'c');
    const found = [];
    const add = (kind, faults) => {
        for (const [at, old, put] of faults) found.push({ kind, file, at, length: old.length, put });
    };
    if (isSchema) {
        add('schema', guards(code, text));
        add('schema', clauses(code));
    } else {
        for (const [kind, faults] of Object.entries(faultsOf)) add(kind, faults(code, text, sort));
    }
    return found;
}
