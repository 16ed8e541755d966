// What nobody may read who is not told it: every secret that a test issues, sends or puts into settings is remembered here,
// and whatever the programs and the web servers write for others is searched for it: logs, errors, metrics, names of
// files, command lines. service.mjs and servers.mjs do both, so a test need not think of it.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

const keyLength = 8;
const sampleEveryMs = 250;

// By their first characters: a log is read once, however many secrets there are.
const known = new Map();

export function remember(secret) {
    if (typeof secret !== 'string' || secret.length < keyLength) return;
    const key = secret.slice(0, keyLength);
    if (!known.has(key)) known.set(key, new Set());
    known.get(key).add(secret);
}

// What a client sends may be meant to be no secret at all; one letter a hundred times is none.
function rememberSent(text) {
    if (typeof text === 'string' && text.length >= 2 * keyLength && new Set(text).size >= keyLength) remember(text);
}

// ---- settings ----

const secretSettings = [
    'JWT_SECRET',
    'JWT_SECRET_PREVIOUS',
    'AGORA_APP_CERTIFICATE',
    'ORACLE_PRIVATE_KEY',
    'ORACLE_SERVICE_TOKEN',
    'SERVICE_TOKEN',
    'METRICS_TOKEN',
    'AGORA_CUSTOMER_SECRET',
];

export function rememberSettings(settings) {
    for (const name of secretSettings) {
        remember(settings[name]);
        remember(settings[name]?.replace(/^0x/, ''));
    }
    for (const secret of String(settings.WEBHOOK_SECRET ?? '').split(' ')) remember(secret.replace(/^whsec_/, ''));
    // A node's access key is somewhere behind or before its name, as is a receiver's.
    for (const url of [settings.RPC_URL, settings.WEBHOOK_URL]) {
        const parts = String(url ?? '').match(/^\w+:\/\/(?:([^@/]*)@)?[^/?]*(.*)$/);
        if (parts === null) continue;
        for (const part of `${parts[1] ?? ''}/${parts[2]}`.split(/[/?&=:@#]/)) remember(part);
    }
}

export function rememberSettingsFile(file) {
    let text = '';
    try {
        if (statSync(file).isFile()) text = readFileSync(file, 'utf8');
    } catch {} // a test of a file that is missing
    const lines = [...text.matchAll(/^\s*(\w+)\s*=\s*"?([^"\n]*)"?$/gm)];
    rememberSettings(Object.fromEntries(lines.map(([, name, value]) => [name, value])));
}

// ---- what goes over the wire ----

const issued = ['token', 'agora_token', 'nonce'];

// Of a request: `body` is what its JSON holds, if it is any.
export function rememberRequest(headers, body) {
    for (const [name, value] of Object.entries(headers)) {
        if (/^authorization$/i.test(name)) rememberSent(String(value).replace(/^\w+ +/, ''));
        if (/^x-service-token$/i.test(name)) rememberSent(String(value));
    }
    for (const name of ['signature', 'nonce']) rememberSent(body?.[name]);
}

// An answer may hold a secret only where it issues it. The description of the interface has tokens for example.
export function checkAnswer(what, { headers, text, json }) {
    if (json?.openapi !== undefined) return assertKept(`the answer to ${what}`, text);
    const rest = json !== null && typeof json === 'object' && !Array.isArray(json) ? { ...json } : undefined;
    for (const name of issued) {
        if (rest === undefined || typeof rest[name] !== 'string') continue;
        remember(rest[name]);
        delete rest[name];
    }
    assertHarmless(`the answer to ${what}`, rest === undefined ? text : JSON.stringify(rest));
    assertHarmless(`the head of the answer to ${what}`, JSON.stringify(headers));
}

// ---- searching ----

// Nothing has these shapes but an access token, a signature, and a token of Agora's, whoever made them.
const shapes = [
    /eyJ[A-Za-z0-9_-]{8,}/, // {"…, as JSON in base64url begins
    /(?:0x)?\b[0-9a-fA-F]{130}\b/,
    /\b00[67]e[A-Za-z0-9+/]{60,}/,
];

function findShape(text) {
    for (const shape of shapes) {
        const found = text.match(shape);
        if (found !== null) return found[0];
    }
    return undefined;
}

function findKnown(text) {
    for (let at = 0; at + keyLength <= text.length; at += 1)
        for (const secret of known.get(text.slice(at, at + keyLength)) ?? [])
            if (text.startsWith(secret, at)) return secret;
    return undefined;
}

function assertNone(place, text, secret) {
    if (secret === undefined) return;
    const at = text.indexOf(secret);
    assert.fail(`a secret is in ${place}: ${secret}\n…${text.slice(Math.max(0, at - 200), at + secret.length + 50)}`);
}

const assertKept = (place, text) => assertNone(place, text, findKnown(text));

export const assertHarmless = (place, text) => assertNone(place, text, findShape(text) ?? findKnown(text));

// The names of all that is in a folder; what is in there may be secret, as a database is.
export function assertNamesHarmless(folder) {
    for (const name of readdirSync(folder, { recursive: true }))
        assertHarmless(`a file's name in ${folder}`, String(name));
}

// ---- command lines, which every user of a machine can read ----

const watched = /session-voice|lighttpd|nginx|apache2|spawn-fcgi/;
const commandLines = new Set();
let sampling;

function sample() {
    for (const pid of readdirSync('/proc')) {
        if (!/^\d+$/.test(pid)) continue;
        try {
            const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
            if (watched.test(line)) commandLines.add(line);
        } catch {} // it has ended meanwhile
    }
}

export function sampleCommandLines() {
    sample();
    sampling ??= setInterval(sample, sampleEveryMs).unref();
}

export function assertCommandLinesHarmless() {
    sample();
    assertHarmless('a command line', [...commandLines].join('\n'));
}
