// Sign-in of contract wallets: what the service says of each signature of a table, and what viem says, which asks the
// same node by a validator of its own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSiweMessage } from 'viem/siwe';
import { expect, ok, root, startService } from './service.mjs';
import { Anvil, FakeNode, chainId, hang, json, passTo } from './node.mjs';
import { accountNamed, by, counterfactualWallet, deployOwnedWallet, deployWallets, viemVerdict } from './wallets.mjs';

const solc = createRequire(import.meta.url)('solc');
const nonceLike = '0123456789abcdef'.repeat(4);
const timeoutMs = 3000;

const siweMessage = (domain, address, nonce) =>
    createSiweMessage({ domain, address, nonce, uri: `http://${domain}/`, version: '1', chainId });

let anvil;
let cases;
before(async () => {
    anvil = await Anvil.start('--hardfork', 'prague');
    cases = await deployWallets(anvil);
});
after(() => anvil?.stop());

// { name: verdict }, of every case.
async function verdicts(verdictOf) {
    const found = {};
    for (const each of cases) found[each.name] = await verdictOf(each);
    return found;
}

const table = (column) => Object.fromEntries(cases.map((each) => [each.name, each[column]]));

describe('viem and the wallets', () => {
    it('viem agrees on the nonce', async (t) => {
        const verdict = viemVerdict(anvil);
        const found = await verdicts(async ({ wallet, sign }) =>
            verdict({ wallet, message: nonceLike, signature: await sign(nonceLike) }),
        );
        assert.deepEqual(found, table('viem'));
        t.diagnostic(`${cases.length} cases, of which ${cases.filter(({ valid }) => valid).length} are good`);
        for (const { name, valid, viem, note } of cases)
            if (note !== undefined) t.diagnostic(`${name}: ${valid}, by viem ${viem}: ${note}`);
    });

    it('viem agrees on the message of EIP-4361', async () => {
        const verdict = viemVerdict(anvil);
        const found = await verdicts(async ({ wallet, sign }) => {
            const message = siweMessage('127.0.0.1:8080', wallet, nonceLike);
            return verdict({ wallet, message, signature: await sign(message) });
        });
        assert.deepEqual(found, table('viem'));
    });
});

describe('the service and the wallets', () => {
    let node; // between the service and the chain
    let service;
    let calls; // that it got
    const pass = (request, response, call) => {
        calls.push(call);
        return passTo(anvil.url)(request, response, call);
    };
    before(async () => {
        calls = [];
        node = await FakeNode.start(pass);
        service = await startService({
            settings: {
                CHAIN_MODE: 'rpc',
                CHAIN_ID: String(chainId),
                RPC_URL: node.url,
                RPC_TIMEOUT_MS: String(timeoutMs),
                REGISTRY_ADDRESS: `0x${'c0'.repeat(20)}`,
                VERIFICATION_MIRROR_ADDRESS: `0x${'c0'.repeat(20)}`,
            },
        });
    });
    after(async () => {
        await service?.audit();
        await service?.stop();
        await node?.stop();
    });

    const nonceFor = async (wallet) => ok(await service.post('/auth/nonce', { wallet })).nonce;

    // The two forms: the body of the request for that nonce.
    const forms = {
        nonce: async (wallet, sign, nonce) => ({ wallet, nonce, signature: await sign(nonce) }),
        message: async (wallet, sign, nonce) => {
            const message = siweMessage(`127.0.0.1:${service.port}`, wallet, nonce);
            return { message, signature: await sign(message) };
        },
    };

    const verify = (body) => service.post('/auth/verify', body);
    const signIn = async (wallet, sign, form = 'nonce') =>
        verify(await forms[form](wallet, sign, await nonceFor(wallet)));

    // The token is the wallet's, and the service takes it.
    async function assertIsSignedIn(reply, wallet) {
        const { token, expires_in, ...more } = ok(reply);
        assert.deepEqual([typeof expires_in, more], ['number', {}]);
        const { sub } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
        assert.equal(sub, wallet.toLowerCase());
        ok(await service.get('/credits', { token }));
    }

    function assertAsked({ name, asks }) {
        if (asks !== undefined) assert.equal(calls.length, asks, `${name}: calls of the node`);
        assert.ok(calls.length <= 1, `${name}: ${calls.length} calls of the node`);
        for (const { method, params } of calls) {
            assert.equal(method, 'eth_call');
            assert.equal(params[0].to, undefined);
            assert.match(params[0].data ?? params[0].input, /^0x[0-9a-f]+$/i);
        }
    }

    for (const form of Object.keys(forms))
        it(`says of every signature what it is worth, by the ${form}`, async (t) => {
            let slowestMs = 0;
            const found = await verdicts(async (each) => {
                const { wallet, sign } = each;
                const body = await forms[form](wallet, sign, await nonceFor(wallet));
                calls = [];
                const reply = await verify(body);
                assertAsked(each);
                slowestMs = Math.max(slowestMs, reply.ms);
                if (reply.status === 200) await assertIsSignedIn(reply, wallet);
                else expect(reply, 401, 'invalid signature');
                return reply.status === 200;
            });
            assert.deepEqual(found, table('valid'));
            t.diagnostic(`the slowest answer took ${slowestMs.toFixed(0)} ms`);
        });

    it('no signature at all is no request', async () => {
        const { wallet } = cases[0];
        const nonce = await nonceFor(wallet);
        calls = [];
        for (const body of [{ wallet, nonce }, { wallet, nonce, signature: '' }]) expect(await verify(body), 400);
        assert.deepEqual(calls, []);
    });

    it('takes a nonce once, whatever the form', async () => {
        const owner = accountNamed('once');
        const { address } = await deployOwnedWallet(anvil, owner);
        for (const first of Object.keys(forms))
            for (const second of Object.keys(forms)) {
                const nonce = await nonceFor(address);
                const body = await forms[first](address, by(owner), nonce);
                await assertIsSignedIn(await verify(body), address);
                for (const again of [body, await forms[second](address, by(owner), nonce)])
                    expect(await verify(again), 401, 'invalid or expired nonce');
            }
    });

    it('takes a nonce once, of many who come at once', async () => {
        const owner = accountNamed('race');
        const { address } = await deployOwnedWallet(anvil, owner);
        const body = await forms.nonce(address, by(owner), await nonceFor(address));
        const statuses = await Promise.all(Array.from({ length: 4 }, async () => (await verify(body)).status));
        assert.equal(statuses.filter((status) => status === 200).length, 1, `${statuses}`);
        for (const status of statuses) assert.ok([200, 401, 503].includes(status), `${statuses}`);
    });

    it('takes no nonce of another wallet, even of the same owner', async () => {
        const owner = accountNamed('twice');
        const [one, two] = [await deployOwnedWallet(anvil, owner), await deployOwnedWallet(anvil, owner)];
        for (const form of Object.keys(forms)) {
            const nonce = await nonceFor(one.address);
            for (const stranger of [two.address, owner.address])
                expect(await verify(await forms[form](stranger, by(owner), nonce)), 401, 'invalid or expired nonce');
            await assertIsSignedIn(await verify(await forms[form](one.address, by(owner), nonce)), one.address);
        }
    });

    it('a refused signature leaves the nonce good', async () => {
        const [owner, other] = [accountNamed('owner'), accountNamed('other')];
        const { address } = await deployOwnedWallet(anvil, owner);
        for (const form of Object.keys(forms)) {
            const nonce = await nonceFor(address);
            expect(await verify(await forms[form](address, by(other), nonce)), 401, 'invalid signature');
            await assertIsSignedIn(await verify(await forms[form](address, by(owner), nonce)), address);
        }
    });

    it('knows at once that a wallet has another owner', async () => {
        const [owner, other] = [accountNamed('owner'), accountNamed('other')];
        const wallet = await deployOwnedWallet(anvil, owner);
        const { address } = wallet;
        await assertIsSignedIn(await signIn(address, by(owner)), address);
        expect(await signIn(address, by(other)), 401, 'invalid signature');
        const unused = await nonceFor(address);
        await anvil.send(wallet, 'setOwner', [other.address]);
        expect(await signIn(address, by(owner)), 401, 'invalid signature');
        expect(await verify(await forms.nonce(address, by(owner), unused)), 401, 'invalid signature');
        await assertIsSignedIn(await signIn(address, by(other)), address);
    });

    it('knows a wallet before and after it has code, and gives it none', async () => {
        const owner = accountNamed('owner');
        const { address, wrap, deploy } = await counterfactualWallet(anvil, owner, 'in time');
        for (const form of Object.keys(forms)) {
            await assertIsSignedIn(await signIn(address, wrap(by(owner)), form), address);
            expect(await signIn(address, by(owner), form), 401, 'invalid signature');
        }
        assert.equal(await anvil.client.getCode({ address }), undefined);
        await deploy();
        for (const form of Object.keys(forms)) {
            await assertIsSignedIn(await signIn(address, wrap(by(owner)), form), address);
            await assertIsSignedIn(await signIn(address, by(owner), form), address);
        }
    });

    it('a preparation changes nothing on chain', async () => {
        const found = cases.find(({ name }) => name === 'counterfactual: deployed, prepared for its signer');
        const unprepared = { ...found, sign: by(accountNamed('other')) };
        for (let round = 0; round < 2; round += 1) {
            await assertIsSignedIn(await signIn(found.wallet, found.sign), found.wallet);
            expect(await signIn(unprepared.wallet, unprepared.sign), 401, 'invalid signature');
        }
    });

    it('a wallet may be spelled in any case', async () => {
        const owner = accountNamed('owner');
        const { address } = await deployOwnedWallet(anvil, owner);
        const nonce = await nonceFor(address.toLowerCase());
        const spelled = `0x${address.slice(2).toUpperCase()}`;
        const body = await forms.nonce(spelled, by(owner), nonce);
        await assertIsSignedIn(await verify(body), address);
    });

    // ---- a node that is not there ----

    const error = (code, message) => (request, response, call) =>
        json(response, { jsonrpc: '2.0', id: call.id, error: { code, message } });
    const result = (value) => (request, response, call) =>
        json(response, { jsonrpc: '2.0', id: call.id, result: value });
    const failures = {
        'that hangs up': (request) => request.socket.destroy(),
        'that does not answer': hang,
        'that answers 429': (request, response) => response.writeHead(429).end('{}'),
        'that answers HTML': (request, response) => response.end('<html></html>'),
        'that limits calls': error(-32005, 'limit exceeded'),
        'that does not know the block': error(-32000, 'header not found'),
        'that does not know the method': error(-32601, 'the method eth_call does not exist'),
        'that answers null': result(null),
        'that answers nothing': result('0x'),
    };
    for (const [name, answer] of Object.entries(failures))
        it(`a node ${name}: chain_unavailable, and the nonce stays good`, async () => {
            const owner = accountNamed('owner');
            const { address } = await deployOwnedWallet(anvil, owner);
            for (const form of Object.keys(forms)) {
                const body = await forms[form](address, by(owner), await nonceFor(address));
                node.answer = answer;
                try {
                    const refused = await verify(body);
                    expect(refused, 503, 'chain_unavailable');
                    assert.match(refused.headers['retry-after'], /^\d+$/);
                    // Nobody else needs it: not who signs with its own key, nor whose signature is none.
                    await assertIsSignedIn(await signIn(owner.address, by(owner), form), owner.address);
                    expect(await signIn(address, async () => '0xzz', form), 401, 'invalid signature');
                } finally {
                    node.answer = pass;
                }
                await assertIsSignedIn(await verify(body), address);
            }
        });
});

describe('the validator', () => {
    const here = (name) => path.join(root, 'lib/ethereum', name);

    it('is what its source says', (t) => {
        const header = readFileSync(here('signature_validator.h'), 'utf8');
        const [, literals] = header.match(/\bsignature_validator\b[\s[\]\d]*[={(][\s={(]*((?:"[0-9a-fA-F]*"[\s,]*)+)/);
        const kept = [...literals.matchAll(/"(.*?)"/g)].map(([, digits]) => digits).join('').toLowerCase();

        const file = 'signature_validator.yul';
        const optimizer = { enabled: true, runs: 1, details: { yul: true } };
        const outputSelection = { '*': { '*': ['evm.bytecode.object'] } };
        const input = {
            language: 'Yul',
            sources: { [file]: { content: readFileSync(here(file), 'utf8') } },
            settings: { optimizer, evmVersion: 'paris', outputSelection },
        };
        const output = JSON.parse(solc.compile(JSON.stringify(input)));
        const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
        assert.deepEqual(errors, []);
        const [{ evm }] = Object.values(output.contracts[file]);
        assert.equal(kept, evm.bytecode.object);
        t.diagnostic(`${kept.length / 2} bytes`);
    });
});
