// The page behind every web server, at a prefix, as plain CGI; its client library on other origins; Agora's real SDK.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Anvil, chainId } from '../node.mjs';
import { Deployment, Host, cgiVariants, isRoot, variants } from '../servers.mjs';
import { root, startService } from '../service.mjs';
import { accountNamed, deployOwnedWallet } from '../wallets.mjs';
import { makeWallet, newPerson, sdkFile, startBrowser } from './browser.mjs';

const development = { ENVIRONMENT: 'development', CHAIN_MODE: 'mock' };
let browser;
let host;
before(async () => {
    host = new Host();
    browser = await startBrowser();
});
after(async () => {
    await browser?.close();
    await host.remove();
});

const button = (page, name) => page.getByRole('button', { name, exact: true });
const see = (page, text) => page.getByText(text).first().waitFor();

async function createRoom(page) {
    await button(page, 'Try without a wallet').click();
    await page.locator('#statement-link').waitFor(); // or the next click asks who one is
    await button(page, 'Create and join').click();
}

async function talk(page, at) {
    await page.goto(at);
    await createRoom(page);
    await see(page, 'You are in the call.');
    await page.reload();
    await see(page, 'You are in the call.');
    await button(page, 'Leave').click();
    await see(page, /^You left/);
    await page.getByRole('link', { name: 'Operator' }).click();
    await page.getByLabel('Service token').waitFor();
    await page.goto(`${at}operator/`);
    await page.getByLabel('Service token').waitFor();
}

describe('the page is served', { concurrency: 1 }, () => {
    const places = [
        ...['lighttpd', 'nginx', 'Apache'].flatMap((name) => [
            [name, variants[name]],
            [`${name} at a prefix`, variants[`${name} at a prefix`]],
        ]),
        ...['lighttpd, plain CGI', 'Apache, plain CGI', 'a shared host with Apache'].map((name) => [
            name,
            { ...cgiVariants[name], cgi: true },
        ]),
    ];
    for (const [name, variant] of places)
        it(`by ${name}`, { skip: variant.cgi && !isRoot && 'needs root, to make a user with a home' }, async () => {
            const deployment = new Deployment(host, variant, development);
            const person = await newPerson(browser);
            try {
                await deployment.start();
                await talk(person.page, `http://127.0.0.1:${deployment.port}${deployment.mount}/`);
                assert.deepEqual(person.complaints, []);
            } finally {
                await person.close();
                await deployment.audit();
                await deployment.stop();
            }
        });
});

it('is what the README begins with', () => {
    const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
    const [, file] = readme.match(/^# .*\n\n!\[[^\]]+\]\(([^)]+)\)/);
    const picture = readFileSync(path.join(root, file));
    assert.equal(picture.toString('latin1', 1, 4), 'PNG');
    assert.ok(picture.length < 200_000);
});

describe('on its first load', () => {
    let service;
    before(async () => (service = await startService()));
    after(() => service.stop());

    // Agora's SDK comes with the first call.
    it('takes 60 kB and no other server', async (t) => {
        const { page, context, close } = await newPerson(browser);
        const network = await context.newCDPSession(page);
        await network.send('Network.enable');
        let bytes = 0;
        const asked = [];
        network.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
        network.on('Network.requestWillBeSent', ({ request }) => asked.push(request.url));
        await page.goto(`http://127.0.0.1:${service.port}/`, { waitUntil: 'networkidle' });
        await button(page, 'Try without a wallet').waitFor();
        t.diagnostic(`${bytes} bytes, ${asked.length} requests`);
        assert.ok(bytes > 10_000 && bytes <= 60_000, `${bytes} bytes`);
        for (const url of asked) assert.ok(url.startsWith(`http://127.0.0.1:${service.port}/`), url);
        await close();
    });

    it('is not asked for again where nothing has changed', async () => {
        const { page, close } = await newPerson(browser);
        await page.goto(`http://127.0.0.1:${service.port}/`, { waitUntil: 'networkidle' });
        const statuses = [];
        page.on(
            'response',
            (response) => /\/web\/.*\.(js|css)$/.test(response.url()) && statuses.push(response.status()),
        );
        await page.reload({ waitUntil: 'networkidle' });
        assert.ok(statuses.length > 5);
        assert.deepEqual([...new Set(statuses)], [304]);
        await close();
    });
});

describe('the client library', () => {
    it('works on a page of another origin, with a wallet that signs for it', async () => {
        const other = http.createServer((request, response) => {
            response.setHeader('Content-Type', 'text/html');
            response.end('<!doctype html><title>Another page</title>');
        });
        await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
        const origin = `http://127.0.0.1:${other.address().port}`;
        const service = await startService({
            settings: { CORS_ALLOWED_ORIGINS: origin, SIGN_IN_DOMAINS: new URL(origin).host },
        });
        const wallet = makeWallet();
        const { page, complaints, close } = await newPerson(browser, { wallet });
        try {
            await page.goto(origin);
            const told = await page.evaluate(async (url) => {
                const { Client, discoverWallets } = await import(`${url}web/client.js`);
                const client = new Client({ url });
                const [{ provider }] = await discoverWallets();
                await client.signIn(provider);
                const { room_id } = await client.create({ title: 'From afar' });
                const stay = await client.join(room_id);
                const [room] = await client.rooms();
                const [again] = await client.rooms(); // by its ETag
                const { debited_seconds } = await stay.leave();
                return [client.wallet, room.title, again.title, stay.state, typeof debited_seconds];
            }, `http://127.0.0.1:${service.port}/`);
            assert.deepEqual(told, [wallet.address, 'From afar', 'From afar', 'ended', 'number']);
            assert.deepEqual(complaints, []);
        } finally {
            await close();
            await service.stop();
            other.close();
        }
    });

    it('signs in with a wallet that is a contract', async () => {
        const anvil = await Anvil.start('--hardfork', 'prague');
        const owner = accountNamed('an owner');
        const contract = await deployOwnedWallet(anvil, owner);
        const nobody = `0x${'0'.repeat(40)}`;
        const service = await startService({
            settings: {
                CHAIN_MODE: 'rpc',
                CHAIN_ID: String(chainId),
                RPC_URL: anvil.url,
                REGISTRY_ADDRESS: nobody,
                VERIFICATION_MIRROR_ADDRESS: nobody,
            },
        });
        const wallet = makeWallet(owner);
        const request = wallet.request.bind(wallet);
        wallet.request = (asked) => (asked.method === 'eth_requestAccounts' ? [contract.address] : request(asked));
        const { page, close } = await newPerson(browser, { wallet });
        try {
            await page.goto(`http://127.0.0.1:${service.port}/`);
            await button(page, 'Sign in').click();
            assert.equal(await button(page, 'Try without a wallet').count(), 0); // there is a chain
            await button(page, 'Test Wallet').click();
            await page.locator('#statement-link').click();
            await see(page, contract.address.toLowerCase());
            await page.locator('.brand').click();
            await button(page, 'Create and join').click();
            await see(page, /has no \.heaven name/);
        } finally {
            await close();
            await service.stop();
            await anvil.stop();
        }
    });
});

describe("Agora's SDK", () => {
    const sdk = readFileSync(sdkFile);
    let service;
    before(async () => (service = await startService()));
    after(() => service.stop());

    // In a call, with those bytes for the SDK; { page, asked }.
    async function callWith(bytes) {
        const person = await newPerson(browser, { sound: 'real' });
        const asked = [];
        await person.context.route(/agora\.io|sd-rtn\.com/, (route) => {
            asked.push(route.request().url());
            if (asked.length > 1) return route.abort();
            const headers = { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'text/javascript' };
            return route.fulfill({ body: bytes, headers });
        });
        await person.page.goto(`http://127.0.0.1:${service.port}/`);
        await createRoom(person.page);
        await see(person.page, 'You are in the call.');
        return { ...person, asked };
    }

    it('is the one of npm, and has what the page calls', async () => {
        const { page, asked, complaints, close } = await callWith(sdk);
        await page.waitForFunction(() => window.AgoraRTC !== undefined);
        const { version } = JSON.parse(readFileSync(sdkFile.replace(/[^/]+$/, 'package.json'), 'utf8'));
        assert.equal(asked[0], `https://download.agora.io/sdk/release/AgoraRTC_N-${version}.js`);
        const missing = await page.evaluate(
            async (expected) => {
                const client = window.AgoraRTC.createClient({ mode: 'rtc', codec: 'vp8' });
                const track = await window.AgoraRTC.createMicrophoneAudioTrack();
                const lacks = (object, names) => names.filter((name) => typeof object[name] !== 'function');
                const found = [...lacks(client, expected.client), ...lacks(track, expected.track)];
                if (client.connectionState !== 'DISCONNECTED') found.push('connectionState');
                track.close();
                return [window.AgoraRTC.VERSION, ...found];
            },
            {
                client: ['join', 'leave', 'publish', 'subscribe', 'renewToken', 'enableAudioVolumeIndicator', 'on'],
                track: ['setMuted', 'close'],
            },
        );
        assert.deepEqual(missing, [version]);
        assert.deepEqual(
            complaints.filter((text) => /Content Security Policy/.test(text)),
            [],
        );
        await close();
    });

    it('is refused where a byte is another, and the call goes on without sound', async () => {
        const { page, close } = await callWith(Buffer.concat([sdk, Buffer.from(' ')]));
        await see(page, /^There is no sound/);
        assert.equal(await page.evaluate(() => window.AgoraRTC), undefined);
        await see(page, 'You are in the call.');
        await close();
    });

    it('may be out of reach, and a microphone may be missing', async () => {
        const deaf = await newPerson(browser, { sound: 'none' });
        await deaf.page.goto(`http://127.0.0.1:${service.port}/`);
        await createRoom(deaf.page);
        await see(deaf.page, /^There is no sound/);
        assert.equal(await button(deaf.page, 'Mute').isVisible(), false);
        await deaf.close();

        const mute = await newPerson(browser);
        await mute.page.addInitScript(() => (window.agora.noMicrophone = true));
        await mute.page.goto(`http://127.0.0.1:${service.port}/`);
        await createRoom(mute.page);
        await see(mute.page, /^No microphone/);
        assert.equal(await button(mute.page, 'Mute').isVisible(), false);
        await mute.close();

        const strange = await newPerson(browser); // as with a project's id that Agora does not know
        await strange.page.addInitScript(() => (window.agora.fails = 'CAN_NOT_GET_GATEWAY_SERVER'));
        await strange.page.goto(`http://127.0.0.1:${service.port}/`);
        await createRoom(strange.page);
        await see(strange.page, /^There is no sound/);
        await strange.page.evaluate(() => {
            window.agora.fails = undefined;
            window.agora.client.emit('token-privilege-did-expire'); // the next token is another attempt
        });
        await see(strange.page, 'You are heard.');
        await strange.close();
    });
});
