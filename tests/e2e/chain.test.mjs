// The service and a chain: a real node with the contracts, and nodes that cannot be believed.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { padHex, toFunctionSelector, zeroHash } from 'viem';
import { expect, ok, startService } from './service.mjs';
import { Anvil, FakeNode, answerName, chainId, encodedName, hang, json } from './node.mjs';

const key = 'kEy0123456789secret'; // as some providers put into the address
const primaryName = toFunctionSelector('primaryName(address)');
const timeoutMs = 1000;
const slackMs = 4000;

const rpcSettings = (url, registry) => ({
    CHAIN_MODE: 'rpc',
    CHAIN_ID: String(chainId),
    RPC_URL: url,
    RPC_TIMEOUT_MS: String(timeoutMs),
    REGISTRY_ADDRESS: registry,
    VERIFICATION_MIRROR_ADDRESS: registry,
});

// Neither an answer nor a log may hold the node's address.
function watch(service, port) {
    const address = new RegExp(`${key}|127\\.0\\.0\\.1:${port}|http:`);
    const answers = [];
    const request = service.request.bind(service);
    service.request = async (...args) => {
        const reply = await request(...args);
        answers.push(reply.text + JSON.stringify(reply.headers));
        return reply;
    };
    return () => {
        assert.ok(answers.length > 0);
        for (const text of answers) assert.doesNotMatch(text, address);
        const ours = service
            .logs()
            .split('\n')
            .filter((line) => !line.startsWith('session-voice ready'));
        for (const line of ours) assert.doesNotMatch(line, address);
    };
}

describe('a real node', () => {
    let anvil;
    let registry;
    let service;
    let checkSecrecy;
    before(async () => {
        anvil = await Anvil.start();
        registry = await anvil.deploy('MockRegistry');
        service = await startService({ settings: rpcSettings(`${anvil.url}/?key=${key}`, registry.address) });
        checkSecrecy = watch(service, anvil.port);
    });
    after(async () => {
        await service.audit();
        await service.stop();
        await anvil.stop();
    });

    it('grants the base credit to who owns a name', async () => {
        const client = await service.signedIn();
        expect(await client.create(), 403, 'heaven_name_required');
        assert.equal((await client.credits()).base_granted_seconds, 0);
        await anvil.send(registry, 'setPrimaryName', [client.account.address, 'alice', zeroHash]);
        const room_id = await client.host();
        assert.equal((await client.credits()).base_granted_seconds, 1800);

        const guest = await service.signedIn();
        expect(await guest.join(room_id), 403, 'heaven_name_required');
        const label = 'ä very long name with words, '.repeat(20); // its text takes several words of the answer
        await anvil.send(registry, 'setPrimaryName', [guest.account.address, label, padHex('0x1')]);
        ok(await guest.join(room_id));
        ok(await guest.leave());
        ok(await client.leave());

        // Granted once, the name is not asked for again.
        await anvil.send(registry, 'setPrimaryName', [client.account.address, '', zeroHash]);
        ok(await client.create());
    });

    it('gives the Celo bonus to who is verified, once', async () => {
        const client = await service.signedIn();
        const refused = await client.post('/credits/verify-celo');
        expect(refused, 403, 'not_verified');
        assert.equal(refused.json.granted, false);
        const latest = 2n ** 64n - 1n;
        await anvil.send(registry, 'setVerifiedAt', [client.account.address, latest]);
        assert.deepEqual(ok(await client.post('/credits/verify-celo')), { granted: true, remaining_seconds: 1800 });
        await anvil.send(registry, 'setVerifiedAt', [client.account.address, 0n]);
        assert.deepEqual(ok(await client.post('/credits/verify-celo')), { granted: false, remaining_seconds: 1800 });

        // That credit can be spent without a name.
        const room_id = await client.host();
        assert.equal((await client.credits()).base_granted_seconds, 0);
        ok(await client.leave());
        expect(await client.join(room_id), 404, 'room_not_found');
    });

    it('a node that is gone stops only those who need it', async () => {
        const [named, celo, stranger] = await service.signedInMany(3);
        await anvil.send(registry, 'setPrimaryName', [named.account.address, 'bob', zeroHash]);
        await anvil.send(registry, 'setVerifiedAt', [celo.account.address, 1n]);
        const room_id = await named.host();
        ok(await celo.post('/credits/verify-celo'));

        await anvil.stop();
        for (const refused of [
            await stranger.create(),
            await stranger.join(room_id),
            await stranger.post('/credits/verify-celo'),
        ]) {
            expect(refused, 503, 'chain_unavailable');
            assert.match(refused.headers['retry-after'], /^\d+$/);
        }
        assert.equal((await stranger.credits()).base_granted_seconds, 0);
        ok(await celo.join(room_id)); // has credit from elsewhere
        assert.equal(ok(await celo.post('/credits/verify-celo')).granted, false);
        ok(await celo.heartbeat());
        ok(await celo.leave());
        ok(await named.renew());
        ok(await named.leave());
        ok(await named.create());
        checkSecrecy();
        assert.match(service.logs(), /the node cannot be asked/); // the operator is told
    });
});

describe('a node that cannot be believed', () => {
    let node;
    let service;
    let client;
    let checkSecrecy;
    const contract = `0x${'c0'.repeat(20)}`;
    before(async () => {
        node = await FakeNode.start(answerName);
        service = await startService({ settings: rpcSettings(`http://127.0.0.1:${node.port}/v1/${key}`, contract) });
        checkSecrecy = watch(service, node.port);
        client = await service.signedIn();
    });
    after(async () => {
        await service.audit();
        await service.stop();
        await node.stop();
    });

    const result = (value) => (request, response, call) =>
        json(response, { jsonrpc: '2.0', id: call.id, result: value });
    // To primaryName, and to verifiedAt.
    const results = (name, verified) => (request, response, call) => {
        const isName = call.params[0].data.startsWith(primaryName);
        result(isName ? name : verified)(request, response, call);
    };
    const word = (number) => padHex(`0x${number.toString(16)}`).slice(2);
    const text =
        (body, status = 200) =>
        (request, response) =>
            response.writeHead(status).end(body);
    const mebibyte = Buffer.alloc(1024 * 1024, ' ');

    const lies = {
        'HTML with status 200': text('<html><body>rate limited, no name for you</body></html>'),
        'an HTML error page': text('<html>502</html>', 502),
        'an answer with status 429': (request, response, call) =>
            response.writeHead(429).end(JSON.stringify({ jsonrpc: '2.0', id: call.id, result: encodedName })),
        '50 MB': (request, response) => {
            response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 50 * mebibyte.length });
            let left = 50;
            const more = () => {
                while (left > 0 && !response.destroyed) {
                    left -= 1;
                    if (!response.write(mebibyte)) {
                        response.once('drain', more);
                        return;
                    }
                }
                response.end();
            };
            more();
        },
        'a reset': (request) => request.socket.resetAndDestroy?.() ?? request.socket.destroy(),
        'half an answer': (request, response) => {
            response.writeHead(200, { 'Content-Length': 1000 }).write('{"jsonrpc":"2.0","id":1,"resu');
            setTimeout(() => response.destroy(), 50);
        },
        silence: hang,
        'one byte at a time': (request, response) => {
            response.writeHead(200);
            const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write(' ')), 100);
        },
        'a redirect': (request, response) =>
            response.writeHead(307, { Location: `http://127.0.0.1:${node.port}/` }).end(),
        'the wrong id': (request, response, call) =>
            json(response, { jsonrpc: '2.0', id: call.id + 1, result: encodedName }),
        'no id': (request, response) => json(response, { jsonrpc: '2.0', result: encodedName }),
        'an id of the wrong type': (request, response, call) =>
            json(response, { jsonrpc: '2.0', id: `${call.id}`, result: encodedName }),
        'a revert': (request, response, call) =>
            json(response, {
                jsonrpc: '2.0',
                id: call.id,
                error: { code: 3, message: 'execution reverted', data: '0x' },
            }),
        'an error beside a result': (request, response, call) =>
            json(response, { jsonrpc: '2.0', id: call.id, result: encodedName, error: { code: -32000, message: key } }),
        'no result': (request, response, call) => json(response, { jsonrpc: '2.0', id: call.id }),
        'a null result': result(null),
        'an empty result': result('0x'),
        'what is too large': results(`0x${word(2n ** 255n)}${word(0)}${word(4)}${word(0)}`, `0x${word(2n ** 64n)}`),
        'what is longer than it is': results(
            `0x${word(64)}${word(0)}${word(2n ** 64n - 1n)}${word(0)}`,
            `0x${word(2n ** 255n)}`,
        ),
        'what is cut off': results(encodedName.slice(0, 2 + 3 * 64 + 6), `0x${word(1).slice(2)}`),
        'no hex': result('0xzz'),
        'an array': (request, response) => json(response, []),
        'nested arrays': text('['.repeat(100_000)),
        'nothing at all': text(''),
    };

    for (const [name, answer] of Object.entries(lies))
        it(`${name}: chain_unavailable, in time`, async () => {
            node.answer = answer;
            const calls = node.calls;
            const [created, verified] = [await client.create(), await client.post('/credits/verify-celo')];
            for (const refused of [created, verified]) {
                expect(refused, 503, 'chain_unavailable');
                assert.match(refused.headers['retry-after'], /^\d+$/);
                assert.ok(refused.ms < timeoutMs + slackMs, `took ${refused.ms} ms`);
            }
            // Each asked once, and followed nobody. (Where a connection that was kept open is reset, the HTTP client
            // asks once more on a fresh one.)
            const most = name === 'a reset' ? 4 : 2;
            assert.ok(node.calls >= calls + 2 && node.calls <= calls + most, `${node.calls - calls} calls`);
            assert.deepEqual((await client.credits()).remaining_seconds, 0);
        });

    it('and once it tells the truth, it is believed', async () => {
        node.answer = result(`0x${word(64)}${word(0)}${word(0)}`);
        expect(await client.create(), 403, 'heaven_name_required');
        node.answer = result(`0x${word(0)}`);
        expect(await client.post('/credits/verify-celo'), 403, 'not_verified');
        node.answer = answerName;
        ok(await client.create());
        checkSecrecy();
    });

    it('asks with a content type, as some nodes demand, and the wallet in the call', async () => {
        let seen;
        node.answer = (request, response, call) => {
            seen = { call, verb: request.method, url: request.url, type: request.headers['content-type'] };
            answerName(request, response, call);
        };
        const fresh = await service.signedIn();
        ok(await fresh.create());
        assert.deepEqual([seen.verb, seen.url, seen.type], ['POST', `/v1/${key}`, 'application/json']);
        assert.deepEqual([seen.call.jsonrpc, seen.call.method], ['2.0', 'eth_call']);
        const [{ to, data }] = seen.call.params;
        assert.equal(to.toLowerCase(), contract);
        assert.equal(data.toLowerCase(), primaryName + fresh.wallet.slice(2).padStart(64, '0'));
    });

    it('ignores a proxy that a client names', async () => {
        let proxied = 0;
        const proxy = http.createServer((request, response) => {
            proxied += 1;
            response.end();
        });
        await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
        node.answer = answerName;
        const fresh = await service.signedIn();
        ok(await fresh.create({}, { headers: { Proxy: `http://127.0.0.1:${proxy.address().port}` } }));
        await new Promise((resolve) => proxy.close(resolve));
        assert.equal(proxied, 0);
    });
});
