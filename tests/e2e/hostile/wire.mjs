// Bytes over a socket, and what comes back, whether it is HTTP or not.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 3000;
const pauseMs = 60;
// After an answer that closes the connection there should be nothing; a server may linger to read what is left.
const isLast = /^connection: close\r$/im;
const graceMs = 500;

// A request as bytes; `headers` is a list, since names may come twice and in any form. Host, Connection and Content-Length
// are put in unless the list has them.
export function bytesOf({ method, path, headers = [], body }) {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const bytes = Buffer.from(text ?? '');
    const has = (name) => headers.some(([each]) => each.toLowerCase() === name);
    const all = [...headers];
    if (!has('host')) all.unshift(['Host', 'localhost']);
    if (!has('connection')) all.push(['Connection', 'close']);
    const isMeasured = text !== undefined || ['POST', 'PUT', 'PATCH'].includes(method);
    if (isMeasured && !has('content-length') && !has('transfer-encoding')) all.push(['Content-Length', bytes.length]);
    const head = [`${method} ${path} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`), '', ''].join(
        '\r\n',
    );
    return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}

// Sends the pieces, with a pause between two, and gives back all bytes that come until the server hangs up or has been
// silent for long. `then` is what the client does after the last one: 'wait', 'half-close' or 'hang up'.
export function say(port, pieces, then = 'wait') {
    return new Promise((resolve) => {
        const chunks = [];
        const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        socket.setTimeout(patienceMs, () => socket.destroy());
        socket.on('data', (chunk) => {
            chunks.push(chunk);
            if (isLast.test(chunk.toString('latin1'))) socket.setTimeout(graceMs);
        });
        socket.on('error', () => {}); // a server that hangs up early resets what was not read
        socket.on('end', () => socket.destroy());
        socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
        socket.on('connect', async () => {
            for (const [index, piece] of [pieces].flat().entries()) {
                if (index > 0) await sleep(pauseMs);
                socket.write(piece);
            }
            if (then === 'half-close') socket.end();
            if (then !== 'hang up') return;
            await sleep(pauseMs);
            socket.destroy();
        });
    });
}

function unchunk(text) {
    let body = '';
    let at = 0;
    for (;;) {
        const end = text.indexOf('\r\n', at);
        const size = Number.parseInt(text.slice(at, end), 16);
        if (!(size > 0)) return { body, rest: text.slice(text.indexOf('\r\n\r\n', at) + 4) };
        body += text.slice(end + 2, end + 2 + size);
        at = end + 2 + size + 2;
    }
}

// The answers that stand in the bytes one after the other: [{ status, headers, text, json }]. What is no HTTP has the
// status 'bare'.
export function answersIn(bytes, isHead = false) {
    const answers = [];
    let rest = bytes;
    while (rest !== '') {
        const head = rest.match(/^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/);
        if (head === null) {
            answers.push({ status: 'bare', headers: {}, text: rest });
            break;
        }
        const lines = head[2].trimEnd().split('\r\n').filter(Boolean);
        const headers = {};
        for (const line of lines) {
            const [, name, value] = line.match(/^([^:]+):\s*(.*)$/) ?? [];
            headers[name?.toLowerCase()] = value;
        }
        rest = rest.slice(head[0].length);
        const status = Number(head[1]);
        let text = '';
        if (isHead || status < 200 || status === 204 || status === 304) text = '';
        else if (headers['transfer-encoding'] === 'chunked') ({ body: text, rest } = unchunk(rest));
        else {
            text = rest.slice(0, Number(headers['content-length'] ?? rest.length));
            rest = rest.slice(text.length);
        }
        text = Buffer.from(text, 'latin1').toString();
        const isJson = /^application\/json/.test(headers['content-type'] ?? '') && text !== '' && status !== 206;
        answers.push({ status, headers, text, json: isJson ? JSON.parse(text) : undefined });
    }
    return answers;
}
