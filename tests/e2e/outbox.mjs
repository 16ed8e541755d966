// The notifier with a database of its own, a receiver of webhooks, and a server that plays Agora as its documentation says.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { build, environment, run, temporaryFolder } from './service.mjs';

export const secret = `whsec_${Buffer.from('a secret of the tests, 32 bytes.').toString('base64')}`;

export const listen = async (server) => {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server.address().port;
};

const bodyOf = async (request) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
};

// A server whose every request goes to `answer(request, response, body)`. `requests` is what has come.
export class Receiver {
    constructor(answer = (_, response) => response.writeHead(204).end()) {
        this.answer = answer;
        this.requests = [];
        this.connections = 0;
        this.server = http.createServer(async (request, response) => {
            request.body = await bodyOf(request).catch(() => undefined);
            this.requests.push(request);
            this.answer(request, response, request.body);
        });
        this.server.on('connection', () => (this.connections += 1));
    }
    async start() {
        this.port = await listen(this.server);
        this.url = `http://127.0.0.1:${this.port}`;
        return this;
    }
    stop() {
        this.server.closeAllConnections?.();
        this.server.close();
    }
    bodies() {
        return this.requests.map(({ body }) => JSON.parse(body));
    }
}

// Refuses whatever its documentation does not describe. `kicked` is what it was told.
export class Agora extends Receiver {
    constructor({ customer, password, appId }) {
        super();
        this.kicked = [];
        this.refused = [];
        this.answer = (request, response, body) => {
            try {
                assert.equal(request.method, 'POST');
                assert.equal(request.url, '/dev/v1/kicking-rule');
                assert.equal(request.headers.authorization, `Basic ${Buffer.from(`${customer}:${password}`).toString('base64')}`);
                assert.match(request.headers['content-type'], /^application\/json(;charset=utf-8)?$/);
                const rule = JSON.parse(body);
                assert.deepEqual(Object.keys(rule).sort(), ['appid', 'cname', 'ip', 'privileges', 'time_in_seconds', 'uid']);
                assert.equal(rule.appid, appId);
                assert.match(rule.cname, /^[a-zA-Z0-9 !#$%&()+\-:;<=.>?@[\]^_{}|~,]{1,64}$/);
                assert.ok(Number.isInteger(rule.uid) && rule.uid > 0 && rule.uid < 2 ** 32, `uid ${rule.uid}`);
                assert.equal(rule.ip, '');
                const seconds = rule.time_in_seconds;
                assert.ok(Number.isInteger(seconds) && seconds >= 10 && seconds <= 86430, `time_in_seconds ${seconds}`);
                assert.deepEqual(rule.privileges, ['join_channel']);
                this.kicked.push({ ...rule, at: Date.now() });
                response.writeHead(200, { 'Content-Type': 'application/json' });
                response.end(JSON.stringify({ status: 'success', id: this.kicked.length }));
            } catch (error) {
                this.refused.push(error.message);
                response.writeHead(400).end(JSON.stringify({ message: 'bad request' }));
            }
        };
    }
}

export class Outbox {
    constructor(settings, folder = temporaryFolder()) {
        this.folder = folder;
        this.config = path.join(folder, 'session-voice.env');
        const place = settings.DATABASE_URL ? { STATE_DIRECTORY: folder } : { DATABASE_PATH: path.join(folder, 'session-voice.db') };
        const all = { ENVIRONMENT: 'development', ...place, ...settings };
        writeFileSync(this.config, Object.entries(all).map(([name, value]) => `${name}=${value}\n`).join(''), { mode: 0o600 });
    }
    async write(messages) {
        const line = ({ destination = 'webhook', stream = null, type = 'room.opened', data = {} }) =>
            `${JSON.stringify({ destination, stream, type, data })}\n`;
        const input = messages.map(line).join('');
        const { code, stderr } = await run(path.join(build, 'outbox-write'), [this.config], { input });
        assert.equal(code, 0, stderr);
    }
    notify(args = [], options = {}) {
        return run(path.join(build, 'session-voice-notify'), ['--config', this.config, '--json', ...args], {
            env: environment(options.env),
            ...options,
        });
    }
    // One round; what it says.
    async round(options) {
        const { code, stdout, stderr } = await this.notify([], options);
        assert.equal(code, 0, stderr);
        return stdout === '' ? undefined : JSON.parse(stdout);
    }
    admin(...args) {
        return run(path.join(build, 'session-voice-admin'), ['--config', this.config, ...args]);
    }
    async list() {
        const { code, stdout, stderr } = await this.admin('webhooks', 'list', '--json');
        assert.equal(code, 0, stderr);
        return JSON.parse(stdout);
    }
}
