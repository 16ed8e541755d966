// What the service answers to the end-to-end tests, written down so that two builds can be compared. With RECORD=FOLDER,
// each process of the tests that loads this first writes every answer that it gets into FOLDER, as one line. What differs
// from run to run (ids, times, tokens, hashes, ports, seconds that pass) is a placeholder there.
//
//     RECORD=FOLDER NODE_OPTIONS=--import=$PWD/tests/e2e/record.mjs tests/e2e/run.sh
//     node tests/e2e/record.mjs compare FOLDER OTHER_FOLDER
import childProcess from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// ---- what differs from run to run ----

const shapes = [
    [/eyJ[\w-]+\.[\w-]+\.[\w-]*/g, '<jwt>'],
    [/\b007eJ[\w+/]+=*/g, '<agora token>'],
    // With its first character encoded, or what stands before it.
    [/%[0-9a-f]{2}[0-9a-f]{7,8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '%<uuid>'],
    [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '<uuid>'],
    [/\b0x[0-9a-f]{130}\b/gi, '<signature>'],
    [/\b0x[0-9a-f]{64}\b/gi, '<hash>'],
    [/\b0x[0-9a-f]{40}\b/gi, '<wallet>'],
    [/\b[0-9a-f]{64}\b/gi, '<nonce>'],
    [/\b[0-9a-f]{32}\b/gi, '<id>'],
    [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
    [/\b(127\.0\.0\.1|localhost):\d+/g, '$1:<port>'],
    [/\d+\.\d+\.\d+\+git[\w.]+/g, '<version>'],
];

// In paths, besides: ids that tests count up or make at random, and folders.
const shapesOfPaths = [
    [/(?<=\/session\/)\d{3,6}(?=\/)/, '<booking>'],
    [/(?<=[?&]cursor=)[^&]+/, '<cursor>'],
    [/marked(id|path|query)\w+/g, 'marked $1'],
    [/voice-\w{6}\b/g, 'voice-<random>'],
];

const scrubbed = (text, more = []) =>
    [...shapes, ...more].reduce((rest, [shape, name]) => rest.replace(shape, name), text);

const headersLeftOut = ['connection', 'content-length', 'date', 'keep-alive', 'server', 'transfer-encoding', 'upgrade'];
const headersThatDiffer = ['etag', 'last-modified', 'retry-after', 'x-request-id'];

const fieldsThatDiffer =
    /^(\w+_(seconds|ms|epoch|uid)|event_id|next_cursor|participant_count|schema_version|sweep_stale)$/;
const fieldsThatStand = [
    'base_granted_seconds',
    'bonus_granted_seconds',
    'heartbeat_interval_seconds',
    'renew_after_seconds',
    'token_expires_in_seconds',
];

// A list is what there is in it, however often: how many rooms or events there are is another number in every run.
function normalList(list) {
    const lines = new Set(list.map((each) => JSON.stringify(normalValue(each))));
    return [...lines].sort().map((line) => JSON.parse(line));
}

function normalValue(value, name) {
    const differs = value !== null && fieldsThatDiffer.test(name) && !fieldsThatStand.includes(name);
    if (differs) return `<${typeof value}>`;
    if (Array.isArray(value)) return normalList(value);
    if (value !== null && typeof value === 'object')
        return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, normalValue(each, key)]));
    return typeof value === 'string' ? scrubbed(value) : value;
}

const longText = 20_000;

// What is measured and by which labels; which of their values there are depends on what was asked before.
function normalMetrics(text) {
    const isComment = (line) => line.startsWith('#');
    const named = (line) => line.replace(/="[^"]*"/g, '').replace(/ \S+$/, '');
    return [...new Set(text.split('\n').map((line) => (isComment(line) ? line : named(line))))];
}

function normalBody(text) {
    if (text.startsWith('# HELP ')) return normalMetrics(text);
    if (text.length > longText) return `<sha256 ${createHash('sha256').update(text).digest('hex')}>`;
    try {
        return normalValue(JSON.parse(text));
    } catch {
        return scrubbed(text);
    }
}

function normalHeaders(headers) {
    const kept = Object.entries(headers).filter(([name]) => !headersLeftOut.includes(name));
    return Object.fromEntries(
        kept.map(([name, value]) => [name, headersThatDiffer.includes(name) ? '<value>' : scrubbed(value)]).sort(),
    );
}

// As one line, the same for the same answer in every run.
function lineOf({ file, method, path: asked, status, headers, body }) {
    const at = scrubbed(asked, shapesOfPaths);
    return JSON.stringify([file, method, at, status, normalHeaders(headers), normalBody(body)]);
}

// ---- HTTP in bytes ----

function unchunked(text) {
    let body = '';
    for (let at = 0; ; ) {
        const end = text.indexOf('\r\n', at);
        const size = end < 0 ? NaN : Number.parseInt(text.slice(at, end), 16);
        if (!(size >= 0)) return { body: text, rest: '' };
        if (size === 0) {
            const last = text.indexOf('\r\n\r\n', at);
            return { body, rest: last < 0 ? '' : text.slice(last + 4) };
        }
        body += text.slice(end + 2, end + 2 + size);
        at = end + 2 + size + 2;
    }
}

// The message at the beginning: { first, headers, body, rest }; undefined where there is none. `isEmpty` says, by the
// first line, that no body follows whatever the headers say; `untilEnd` is for one without a length.
function messageAt(text, isEmpty, untilEnd) {
    const head = text.match(/^(?:\r\n)*([^\r\n]+)\r\n((?:[^\r\n]+\r\n)*)\r\n/);
    if (head === null) return undefined;
    const headers = {};
    for (const line of head[2].split('\r\n').filter(Boolean)) {
        const [, name, value] = line.match(/^([^:]*):[ \t]*(.*)$/) ?? [undefined, line, ''];
        const key = name.toLowerCase();
        headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
    }
    const after = text.slice(head[0].length);
    const message = { first: head[1], headers };
    if (isEmpty(head[1])) return { ...message, body: '', rest: after };
    if (/chunked/i.test(headers['transfer-encoding'])) return { ...message, ...unchunked(after) };
    const length = Number(headers['content-length'] ?? (untilEnd ? after.length : 0)) || 0;
    return { ...message, body: after.slice(0, length), rest: after.slice(length) };
}

function requestsIn(text) {
    const found = [];
    for (let rest = text; rest !== ''; ) {
        const message = messageAt(rest, () => false, false);
        const [, method, asked] = (message?.first ?? rest).match(/^(\S+) (\S+)/) ?? [undefined, 'bytes', ''];
        found.push({ method, path: asked, body: message?.body ?? '' });
        rest = message?.rest ?? '';
    }
    return found;
}

function answersIn(text, requests) {
    const found = [];
    for (let rest = text; rest !== ''; ) {
        const { method = 'bytes', path: asked = '', body: sent = '' } = requests[found.length] ?? {};
        const hasNone = (first) => method === 'HEAD' || /^HTTP\/1\.[01] (1\d\d|204|304)/.test(first);
        const message = rest.startsWith('HTTP/1.') ? messageAt(rest, hasNone, true) : undefined;
        const status = Number(message?.first.split(' ')[1]);
        rest = message === undefined ? rest : message.rest;
        if (status >= 100 && status < 200) continue; // the answer itself comes after it
        const one = { method, path: asked, sent, status, headers: message?.headers ?? {}, body: message?.body ?? rest };
        found.push(message === undefined ? { ...one, status: 'bytes' } : one);
        if (message === undefined) break;
    }
    return found;
}

// ---- listening ----

function listen(folder, file) {
    mkdirSync(folder, { recursive: true });
    const output = path.join(folder, `${path.basename(file)}.${process.pid}`);
    const write = (answer) => {
        if (/^\s*[[{].*"jsonrpc"/.test(answer.body)) return; // of a node of the chain
        if (/^text\/html/.test(answer.headers['content-type'])) return; // of a web server alone
        const body = Buffer.from(answer.body, 'latin1').toString();
        appendFileSync(output, `${lineOf({ ...answer, body, file })}\n`);
    };

    // Whatever speaks HTTP (http, https, fetch, or a test by itself) does it through one of these.
    const open = new Set();
    const finish = (talk) => {
        if (!open.delete(talk)) return;
        const [sent, got] = [talk.sent, talk.got].map((chunks) => Buffer.concat(chunks).toString('latin1'));
        for (const answer of answersIn(got, requestsIn(sent))) write(answer);
    };
    const overhear = (socket) => {
        const talk = { sent: [], got: [] };
        open.add(talk);
        const { push, write: say, end } = socket;
        const keep = (chunk, encoding) => {
            if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
            talk.sent.push(Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8'));
        };
        socket.push = function (chunk, ...more) {
            if (chunk instanceof Uint8Array) talk.got.push(Buffer.from(chunk));
            return push.call(this, chunk, ...more);
        };
        socket.write = function (...args) {
            keep(...args);
            return say.apply(this, args);
        };
        socket.end = function (...args) {
            keep(...args);
            return end.apply(this, args);
        };
        socket.once('close', () => finish(talk));
    };
    const { connect } = net.Socket.prototype;
    net.Socket.prototype.connect = function (...args) {
        connect.apply(this, args); // which puts the socket's own write back
        overhear(this);
        return this;
    };
    process.on('exit', () => [...open].forEach(finish));

    // Plain CGI.
    const { spawn } = childProcess;
    childProcess.spawn = (program, args, options) => {
        const child = spawn(program, args, options);
        const { REQUEST_METHOD: method, REQUEST_URI: asked = '' } = options?.env ?? {};
        if (method === undefined || child.stdout === null) return child;
        const chunks = [];
        const { push } = child.stdout;
        child.stdout.push = function (chunk, ...more) {
            if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
            return push.call(this, chunk, ...more);
        };
        child.once('close', () => {
            const text = Buffer.concat(chunks).toString('latin1').replace(/^Status: /, 'HTTP/1.1 ');
            for (const answer of answersIn(text, [{ method, path: asked }])) write(answer);
        });
        return child;
    };
    syncBuiltinESMExports();
}

// ---- comparing ----

// Each line with how often it came: another number in every run, since tests race, and ask until something happens.
function linesOf(folder) {
    const counts = new Map();
    for (const name of readdirSync(folder))
        for (const line of readFileSync(path.join(folder, name), 'utf8').split('\n').filter(Boolean))
            counts.set(line, (counts.get(line) ?? 0) + 1);
    return counts;
}

function compare(folders) {
    const [one, other] = folders.map(linesOf);
    for (const [index, counts] of [one, other].entries()) {
        const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
        console.log(`${folders[index]}: ${total} answers, ${counts.size} distinct`);
    }
    const alone = (mine, others) => [...mine.keys()].filter((line) => !others.has(line));
    const differences = [
        ...alone(one, other).map((line) => [line, '-', one.get(line)]),
        ...alone(other, one).map((line) => [line, '+', other.get(line)]),
    ].sort();
    for (const [line, sign, count] of differences) console.log(`${sign} ${count} ${line}`);
    console.log(`${differences.length} lines in one only`);
    return differences.length === 0;
}

// Of the tests alone: npm asks others.
const file = path.relative(fileURLToPath(new URL('.', import.meta.url)), process.argv[1] ?? '..');
if (file === path.basename(fileURLToPath(import.meta.url))) {
    const [command, ...folders] = process.argv.slice(2);
    if (command !== 'compare' || folders.length !== 2) {
        console.error('usage: record.mjs compare FOLDER OTHER_FOLDER');
        process.exit(2);
    }
    process.exitCode = compare(folders) ? 0 : 1;
} else if (process.env.RECORD && !/^(\.\.|node_modules)/.test(file)) {
    listen(path.resolve(process.env.RECORD), file);
}
