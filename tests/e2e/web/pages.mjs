// What the tests of the client share: wallets, networks that lose what a test says, pages, and the service.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';
import { Client, ServiceError } from '../../../cgi-bin/web/client.js';
import { startService } from '../service.mjs';

// The packages of the end-to-end tests.
export const require = createRequire(new URL('../package.json', import.meta.url));
const { privateKeyToAccount } = require('viem/accounts');

let accounts = 0;
export const newAccount = () => {
    accounts += 1;
    return privateKeyToAccount(`0x${(0xc11e57000 + accounts).toString(16).padStart(64, '0')}`);
};

// EIP-1193, of a key, or of a contract whose owner's key it is.
export function providerOf(account, { address = account?.address.toLowerCase(), sign } = {}) {
    const methods = {
        eth_requestAccounts: () => [address],
        eth_chainId: () => '0x18c7',
        personal_sign: ([text]) => (sign ?? ((raw) => account.signMessage({ message: { raw } })))(text),
    };
    return { request: async ({ method, params }) => methods[method](params) };
}

// A fetch that does to the next request on a path what a test says: `meddle(path, what)`, where `what` gets the real
// fetch and gives back or throws what the client gets. `sent` has all requests.
export function meddlingFetch() {
    const sent = [];
    const plans = [];
    const meddle = (path, ...whats) => whats.forEach((what) => plans.push({ path, what }));
    const meddlingFetch = async (url, request) => {
        const path = new URL(url).pathname;
        sent.push({ method: request.method, path, headers: request.headers, keepalive: request.keepalive });
        const index = plans.findIndex((plan) => path.endsWith(plan.path));
        const real = () => fetch(url, request);
        return index < 0 ? real() : plans.splice(index, 1)[0].what(real);
    };
    const countOf = (path) => sent.filter((each) => each.path.endsWith(path)).length;
    return { fetch: meddlingFetch, meddle, sent, countOf };
}

export const answerLost = async (real) => {
    await real();
    throw new TypeError('the answer is lost');
};
export const answer =
    (status, body, headers = {}) =>
    async () =>
        new Response(JSON.stringify(body), { status, headers });
export const refusedBy = (check) => (error) => {
    assert.ok(error instanceof ServiceError, error.stack);
    assert.deepEqual(Object.fromEntries(Object.keys(check).map((name) => [name, error[name]])), check);
    return true;
};
export const next = (emitter, name) => new Promise((resolve) => emitter.on(name, resolve));

// A page with events of its own.
export function newPage() {
    const target = new EventTarget();
    return {
        tell: (type) => target.dispatchEvent(new Event(type)),
        listen: (type, callback) => {
            target.addEventListener(type, callback);
            return () => target.removeEventListener(type, callback);
        },
    };
}

// Web Locks, as far as they are asked for: who takes one with `steal` ends the claim of who had it.
export function newLocks() {
    const held = new Map();
    const request = (name, { steal }, callback) =>
        new Promise((resolve, reject) => {
            assert.equal(steal, true);
            held.get(name)?.(new DOMException('stolen', 'AbortError'));
            held.set(name, reject);
            callback().then(resolve);
        });
    return { request };
}

export function withService(settings) {
    const context = {};
    const clients = [];
    before(async () => {
        context.service = await startService({ settings: { RATE_LIMIT_CREATE_PER_MINUTE: '0', ...settings } });
        context.url = `http://127.0.0.1:${context.service.port}/`;
    });
    after(async () => {
        for (const client of clients) {
            client.signOut(); // or its stays would go on for an hour
            client.dispose();
        }
        await context.service.audit();
        await context.service.stop();
    });
    context.newClient = (environment = {}, options = {}) => {
        const client = new Client({ url: context.url, environment, ...options });
        clients.push(client);
        return client;
    };
    context.signedIn = async (environment, { account = newAccount(), ...options } = {}) => {
        const client = context.newClient(environment, options);
        await client.signIn(providerOf(account));
        return client;
    };
    // Of a room that another wallet hosts.
    context.room = async (environment) => {
        const host = await context.signedIn(environment);
        const { room_id } = await host.create({ title: 'Tea' });
        return { host, room_id, hosting: await host.join(room_id) };
    };
    return context;
}
