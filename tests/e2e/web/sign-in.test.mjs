// Signing in by the client library, against the real service.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client, discoverWallets } from '../../../cgi-bin/web/client.js';
import { Anvil, chainId } from '../node.mjs';
import { startService } from '../service.mjs';
import { deployWallets } from '../wallets.mjs';
import { answer, meddlingFetch, newAccount, next, providerOf, refusedBy, withService } from './pages.mjs';

describe('signing in', () => {
    const context = withService();

    it('by a message of EIP-4361, and keeps the sign-in for the next page', async () => {
        const kept = new Map();
        const storage = {
            getItem: (name) => kept.get(name) ?? null,
            setItem: (name, text) => kept.set(name, text),
            removeItem: (name) => kept.delete(name),
        };
        const account = newAccount();
        const client = context.newClient({ storage });
        const told = next(client, 'signed_in');
        assert.deepEqual(await client.signIn(providerOf(account)), { wallet: account.address.toLowerCase() });
        assert.deepEqual(await told, { wallet: client.wallet });
        const later = context.newClient({ storage });
        assert.equal(later.wallet, client.wallet);
        assert.equal((await later.credits()).consumed_seconds, 0);
        const out = next(later, 'signed_out');
        later.signOut();
        assert.deepEqual(await out, { wallet: client.wallet, reason: 'signed_out' });
        assert.equal(kept.size, 0);
        await assert.rejects(later.credits(), refusedBy({ status: 401, code: 'signed_out' }));
    });

    it('signs the message that the host and the wallet are named in', async () => {
        let shown;
        const account = newAccount();
        const sign = (raw) => {
            shown = Buffer.from(raw.slice(2), 'hex').toString();
            return account.signMessage({ message: { raw } });
        };
        await context.newClient({}, { statement: 'Hello there.' }).signIn(providerOf(account, { sign }));
        const { host } = new URL(context.url);
        const [first, address, , statement] = shown.split('\n');
        assert.equal(first, `${host} wants you to sign in with your Ethereum account:`);
        assert.equal(address, account.address);
        assert.equal(statement, 'Hello there.');
        assert.match(shown, /^Chain ID: 6343$/m);
    });

    it('goes by the clock of the service, where the device has another', async () => {
        const client = await context.signedIn({ now: () => Date.now() - 86_400_000 });
        await client.credits();
    });

    it('says that the user refused', async () => {
        const client = context.newClient();
        const refuse = async () => {
            throw Object.assign(new Error('User rejected the request.'), { code: 4001 });
        };
        const provider = providerOf(newAccount(), { sign: refuse });
        await assert.rejects(client.signIn(provider), refusedBy({ status: 0, code: 'refused' }));
        await assert.rejects(client.signIn({ request: refuse }), refusedBy({ code: 'refused' }));
        const broken = providerOf(newAccount(), { sign: () => Promise.reject(new Error('locked')) });
        await assert.rejects(client.signIn(broken), refusedBy({ code: 'wallet_failed', message: 'locked' }));
        await assert.rejects(client.signIn({ request: async () => [] }), refusedBy({ code: 'refused' }));
        assert.equal(client.isSignedIn, false);
    });

    it('is refused with the signature of another', async () => {
        const other = newAccount();
        const provider = providerOf(newAccount(), { sign: (raw) => other.signMessage({ message: { raw } }) });
        const refused = refusedBy({ status: 401, code: 'invalid signature' });
        await assert.rejects(context.newClient().signIn(provider), refused);
    });

    it('with a wallet that the service makes, where it makes them', async () => {
        const network = meddlingFetch();
        const client = context.newClient({ fetch: network.fetch });
        const account = newAccount();
        const { token, wallet } = await (async () => {
            const signed = await context.service.newClient(account);
            await signed.signIn();
            return signed;
        })();
        network.meddle('/auth/demo', answer(200, { token, expires_in: 3600, wallet }));
        assert.deepEqual(await client.signInDemo(), { wallet });
        assert.equal((await client.credits()).consumed_seconds, 0);
    });

    it('finds wallets that announce themselves, once each, or the one of old', async () => {
        const window = new EventTarget();
        const info = { uuid: '1', name: 'One', icon: '', rdns: 'one' };
        const announced = { info, provider: providerOf(newAccount()) };
        window.ethereum = providerOf(newAccount());
        assert.deepEqual(
            (await discoverWallets({ window, waitMs: 1 })).map(({ provider }) => provider),
            [window.ethereum],
        );
        window.addEventListener('eip6963:requestProvider', () => {
            for (let time = 0; time < 2; time += 1)
                window.dispatchEvent(Object.assign(new Event('eip6963:announceProvider'), { detail: announced }));
        });
        assert.deepEqual(await discoverWallets({ window, waitMs: 1 }), [announced]);
        assert.deepEqual(await discoverWallets({ window: undefined }), []);
    });
});

describe('wallets that are contracts', () => {
    let anvil;
    let service;
    before(async () => {
        anvil = await Anvil.start('--hardfork', 'prague');
        const settings = { CHAIN_MODE: 'rpc', CHAIN_ID: String(chainId), RPC_URL: anvil.url };
        const nobody = `0x${'c0'.repeat(20)}`;
        service = await startService({
            settings: { ...settings, REGISTRY_ADDRESS: nobody, VERIFICATION_MIRROR_ADDRESS: nobody },
        });
    });
    after(async () => {
        await service.stop();
        await anvil.stop();
    });

    it('sign in with whatever they take for a signature, and with nothing else', async () => {
        const cases = await deployWallets(anvil);
        const lengths = new Set();
        for (const { name, wallet, sign, valid } of cases) {
            const client = new Client({ url: `http://127.0.0.1:${service.port}` });
            const signText = async (raw) => {
                const signature = await sign(Buffer.from(raw.slice(2), 'hex').toString());
                if (valid) lengths.add(signature.length);
                return signature;
            };
            const signedIn = client.signIn(providerOf(undefined, { address: wallet, sign: signText }));
            if (valid) assert.deepEqual(await signedIn, { wallet: wallet.toLowerCase() }, name);
            else await assert.rejects(signedIn, refusedBy({ status: 401, code: 'invalid signature' }), name);
            client.dispose();
        }
        assert.ok(Math.max(...lengths) > 1000, [...lengths].join());
    });
});
