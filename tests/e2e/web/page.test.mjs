// The page in a real browser, against the real service: what people do on it, and what it looks like.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startService, until } from '../service.mjs';
import { makeWallet, newPerson, picture, startBrowser } from './browser.mjs';

let browser;
let service;
const people = [];
before(async () => {
    [browser, service] = await Promise.all([startBrowser(), startService()]);
});
after(async () => {
    await browser?.close();
    await service?.audit();
    await service?.stop();
});

const address = (path = '/') => `http://127.0.0.1:${service.port}${path}`;

async function person(options) {
    const made = await newPerson(browser, options);
    people.push(made);
    return made;
}
const withWallet = (options) => person({ wallet: makeWallet(), ...options });

const click = (page, name, options = {}) => page.getByRole(options.role ?? 'button', { name, exact: true }).click();
const see = (page, text) => page.getByText(text).first().waitFor();

// Counts what a person clicks on.
const clicks = (page) =>
    page.addInitScript(() => {
        const count = () => sessionStorage.setItem('clicks', Number(sessionStorage.getItem('clicks') ?? 0) + 1);
        addEventListener('click', ({ detail }) => detail > 0 && count(), true);
    });
const clicksOf = (page) => page.evaluate(() => Number(sessionStorage.getItem('clicks')));

async function signIn({ page }) {
    await click(page, 'Sign in');
    await click(page, 'Test Wallet');
    await page.locator('#statement-link').waitFor();
}

async function createRoom({ page }, title) {
    if (title !== undefined) await page.getByLabel('Title').fill(title);
    await click(page, 'Create and join');
    await see(page, 'You are in the call.');
    return page.url();
}

async function joinAt(someone, url) {
    await someone.page.goto(url);
    await click(someone.page, 'Join');
    await see(someone.page, 'You are in the call.');
}

const remaining = async (page) => {
    const [minutes, seconds] = (await page.locator('#call-remaining').textContent()).split(':').map(Number);
    return minutes * 60 + seconds;
};
const calls = (page, name) => page.evaluate((wanted) => window.agora.calls.filter(([each]) => each === wanted), name);
const personRow = (page, { address: of }) => page.locator('.person', { hasText: of.slice(-4) });

describe('the page', () => {
    it('takes three clicks and no wallet from opening it to being in a room', async () => {
        const { page } = await person();
        await clicks(page);
        await page.goto(address());
        await picture(page, 'home-empty');
        await click(page, 'Try without a wallet');
        await page.locator('#statement-link').waitFor();
        await picture(page, 'home-signed-in');
        await createRoom({ page });
        assert.ok((await clicksOf(page)) <= 3);
        await click(page, 'Leave');
        await see(page, /You left\. This call took/);
        await picture(page, 'call-left');
    });

    it('takes three clicks and one signature with a wallet', async () => {
        const someone = await withWallet();
        const { page, wallet } = someone;
        await clicks(page);
        await page.goto(address());
        await signIn(someone);
        await createRoom(someone);
        assert.ok((await clicksOf(page)) <= 3);
        assert.equal(wallet.asked.filter((method) => method === 'personal_sign').length, 1);
        await click(page, 'Leave');
        await see(page, /You left/);
    });

    it('carries a conversation of two people and a guest', async () => {
        const [host, second, guest] = [await withWallet(), await withWallet(), await person()];
        await host.page.goto(address());
        await click(host.page, 'Sign in');
        await host.page.getByRole('dialog').waitFor();
        await picture(host.page, 'wallets');
        await click(host.page, 'Test Wallet');
        await host.page.locator('#statement-link').waitFor();
        const room = await createRoom(host, 'Evening talk');

        // what Agora's SDK is asked for is what the service gave
        const [[, appId, channel, token, uid]] = await until(
            async () => (await calls(host.page, 'join')).length > 0 && calls(host.page, 'join'),
            'joined',
        );
        assert.match(appId, /^[0-9a-f]{32}$/);
        assert.equal(channel, `heaven-free-${room.split('/').at(-1)}`);
        assert.match(token, /^007/);
        assert.ok(Number.isInteger(uid) && uid > 0);
        await see(host.page, 'You are heard.');

        await joinAt(second, room).catch(() => {});
        await click(second.page, 'Test Wallet');
        await see(second.page, 'You are in the call.');
        await guest.page.goto(address());
        await see(guest.page, 'Evening talk');
        await picture(guest.page, 'home-rooms');
        await click(guest.page, 'Join: Evening talk', { role: 'link' });
        await click(guest.page, 'Try without a wallet');
        await see(guest.page, 'You are in the call.');

        for (const { page } of [host, second, guest]) {
            await see(page, 'You are heard.');
            await page.evaluate(() => window.agora.client.emit('user-joined', { uid: 1 }));
            await page.waitForFunction(() => document.querySelectorAll('.person').length === 3);
        }
        const hostRow = personRow(second.page, host.wallet);
        assert.match(await hostRow.textContent(), /host/);
        assert.match(await personRow(second.page, second.wallet).textContent(), /you/);
        assert.equal(await second.page.getByRole('button', { name: /^Remove/ }).count(), 0);

        // who speaks
        const speak = (level) =>
            second.page.evaluate(
                ([of, loud]) => window.agora.client.emit('volume-indicator', [{ uid: of, level: loud }]),
                [uid, level],
            );
        await speak(60);
        await second.page.locator('.person.speaking').waitFor();
        assert.match(await hostRow.textContent(), /speaks/);
        await picture(second.page, 'call');
        await speak(0);
        await second.page.waitForFunction(() => document.querySelector('.person.speaking') === null);

        // mute, and the address to pass on
        await click(host.page, 'Mute');
        await host.page.getByRole('button', { name: 'Unmute', pressed: true }).waitFor();
        assert.equal(await host.page.evaluate(() => window.agora.microphone.muted), true);
        await click(host.page, 'Unmute');
        await host.page.getByRole('button', { name: 'Mute', pressed: false }).waitFor();
        assert.equal(await host.page.evaluate(() => window.agora.microphone.muted), false);
        await click(host.page, 'Copy the address');
        assert.equal(await host.page.evaluate(() => navigator.clipboard.readText()), room);

        // the clock runs between two heartbeats
        const before = await remaining(host.page);
        await until(async () => before - (await remaining(host.page)) >= 2, 'the clock runs', 5000);

        // the host puts one out, and closes the room for the other
        await picture(host.page, 'call-host');
        await host.page
            .getByRole('button', { name: /^Remove/ })
            .last()
            .click();
        // as Agora's SDK says that its servers have put somebody out
        await guest.page.evaluate(() =>
            window.agora.client.emit('connection-state-change', 'DISCONNECTED', 'CONNECTED', 'UID_BANNED'),
        );
        await see(guest.page, 'The host removed you from this room.');
        await picture(guest.page, 'call-removed');
        await click(host.page, 'Close the room for all');
        await host.page.getByRole('dialog').getByRole('button', { name: 'Close the room for all' }).click();
        await see(host.page, 'The room is closed.');
        await see(second.page, 'The room is closed.');
        for (const { page } of [host, second, guest]) assert.equal((await calls(page, 'leave')).length, 1);
    });

    it("shows one what became of one's seconds", async () => {
        const { page, wallet } = people.find((each) => each.wallet !== undefined);
        await page.locator('#statement-link').click();
        await see(page, 'For the .heaven name');
        const figures = await page.locator('.figures dd').allTextContents();
        assert.equal(figures[1], '30:00');
        assert.equal(await page.locator('#statement-chart svg .mark').count(), 14);
        assert.equal(await page.locator('#statement-wallet').textContent(), wallet.address);
        await picture(page, 'statement');
        await click(page, 'Ask for the Celo bonus');
        await see(page, /The bonus is yours|not verified/);
    });

    it('leads two people into a booked session', async () => {
        const [host, guest] = [makeWallet(), makeWallet()];
        const settings = { MOCK_HOST: host.address, MOCK_GUEST: guest.address };
        const booking = String(Math.floor(Date.now() / 1000)); // the mock chain's slot begins at that second
        const other = await startService({ settings });
        try {
            const both = [await person({ wallet: host }), await person({ wallet: guest })];
            for (const someone of both) {
                const { page } = someone;
                await page.goto(`http://127.0.0.1:${other.port}/`);
                await signIn(someone);
                await page.getByLabel('Booking number').fill(booking);
                await click(page, 'Enter');
                await see(page, 'You are in the call.');
                const [[, , channel]] = await until(
                    async () => (await calls(page, 'join')).length > 0 && calls(page, 'join'),
                    'joined',
                );
                assert.match(channel, new RegExp(`^heaven-\\d+-${booking}$`));
                assert.equal(await page.locator('#call-remaining').isVisible(), false); // nothing is charged
            }
            await picture(both[0].page, 'session');
            for (const { page } of both) {
                await click(page, 'Leave');
                await see(page, 'You left.');
            }
            const stranger = await withWallet();
            await stranger.page.goto(`http://127.0.0.1:${other.port}/`);
            await signIn(stranger);
            await stranger.page.getByLabel('Booking number').fill(booking);
            await click(stranger.page, 'Enter');
            await see(stranger.page, 'You take no part in this session.');
        } finally {
            await other.stop();
        }
    });

    it('complains of nothing', () => {
        for (const { complaints } of people) assert.deepEqual(complaints, []);
    });
});
