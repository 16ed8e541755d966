// The page through bad times: refusals, lost networks, sleep, other tabs, a service that is busy.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ok, sleep, startService, until } from '../service.mjs';
import { makeWallet, newPerson, picture, startBrowser } from './browser.mjs';

// So that minutes take seconds here; what counts is that a token lives twice as long as until its renewal.
const brief = {
    FREE_TOKEN_TTL_SECONDS: '8',
    RENEW_AFTER_SECONDS: '4',
    HEARTBEAT_INTERVAL_SECONDS: '3',
    UNJOINED_ROOM_TTL_SECONDS: '6',
};

let browser;
let service;
let briefService;
before(async () => {
    [browser, service, briefService] = await Promise.all([
        startBrowser(),
        startService(),
        startService({ settings: brief }),
    ]);
});
after(async () => {
    await browser?.close();
    for (const each of [service, briefService]) {
        await each?.audit();
        await each?.stop();
    }
});

const addressOf = (of, path = '/') => `http://127.0.0.1:${of.port}${path}`;
const button = (page, name) => page.getByRole('button', { name, exact: true });
const see = (page, text) => page.getByText(text).first().waitFor();
const inside = 'You are in the call.';
const lost = /^No connection/;
const signedIn = (page) => page.locator('#statement-link').waitFor();

// Somebody in a room of their own; { person, page, room_id }.
async function hostIn(of, options) {
    const person = await newPerson(browser, options);
    const { page } = person;
    await page.goto(addressOf(of));
    await button(page, 'Try without a wallet').click();
    await signedIn(page);
    await button(page, 'Create and join').click();
    await see(page, inside);
    return { person, page, room_id: page.url().split('/').at(-1) };
}

// A guest in the room of somebody who is no page, and who stays however long the page takes to come in; { person, page,
// room_id, host }.
async function guestIn(of, options) {
    const host = await of.signedIn();
    const { room_id } = ok(await host.post('/rooms/create'));
    const seat = ok(await host.post('/rooms/join', { room_id }));
    setInterval(() => host.post('/rooms/token/renew', seat).catch(() => {}), 2000).unref();
    const person = await newPerson(browser, options);
    const { page } = person;
    await page.goto(addressOf(of, `/#room/${room_id}`));
    await button(page, 'Join').click();
    await button(page, options?.wallet ? 'Test Wallet' : 'Try without a wallet').click();
    await see(page, inside);
    return { person, page, room_id, host };
}

// One that showed a page of an earlier test may have ended meanwhile.
function isTold(pid, signal) {
    try {
        return process.kill(pid, signal);
    } catch (error) {
        assert.equal(error.code, 'ESRCH');
        return false;
    }
}

const participantsOf = async ({ host, room_id }) => ok(await host.get(`/rooms/${room_id}`)).participants;

// Such requests wait until what this gives back is called.
async function held(page, address) {
    let answer;
    const isToBeAnswered = new Promise((resolve) => (answer = resolve));
    await page.route(address, (route) => isToBeAnswered.then(() => route.continue()));
    return answer;
}

// The page says that it is in the call before Agora's SDK has entered the channel.
const inChannel = (page) =>
    until(() => page.evaluate(() => window.agora.client?.connectionState === 'CONNECTED'), 'in the channel');

describe('signing in', () => {
    it('takes no for an answer', async () => {
        const wallet = makeWallet();
        let refusals = 2;
        const request = wallet.request.bind(wallet);
        wallet.request = (asked) => {
            if (asked.method === 'personal_sign' && refusals-- > 0)
                throw Object.assign(new Error('no'), { code: 4001 });
            return request(asked);
        };
        const person = await newPerson(browser, { wallet });
        const { page } = person;
        await page.goto(addressOf(service));
        await button(page, 'Sign in').click();
        for (let time = 0; time < 2; time += 1) {
            await button(page, 'Test Wallet').click();
            await see(page, 'The wallet did not sign. Nothing has happened.');
        }
        await picture(page, 'wallets-refused');
        await button(page, 'Test Wallet').click();
        await signedIn(page);
        assert.deepEqual(person.complaints, []);
        await person.close();
    });

    it('says so where there is no wallet', async () => {
        const person = await newPerson(browser);
        await person.page.goto(addressOf(service));
        await button(person.page, 'Sign in').click();
        await see(person.page, /no Ethereum wallet/);
        await button(person.page, 'Cancel').click();
        assert.equal(await person.page.locator('#sign-in').isVisible(), true);
        await person.close();
    });

    it('waits for the service to say whether it can be tried without a wallet', async () => {
        const person = await newPerson(browser);
        const { page } = person;
        await page.clock.install();
        const answer = await held(page, '**/health');
        await page.goto(addressOf(service));
        await button(page, 'Sign in').click();
        await page.clock.runFor(5000); // no wallet has shown up
        answer();
        await page.getByRole('dialog').getByRole('button', { name: 'Try without a wallet', exact: true }).click();
        await signedIn(page);
        await person.close();
    });

    it('goes on by itself while the access token is replaced', async () => {
        const other = await startService({ settings: { JWT_TTL_SECONDS: '30' } });
        const { person, page } = await hostIn(other);
        const tokenOf = () =>
            page.evaluate(() => JSON.parse(Object.values(sessionStorage).find((text) => text.includes('token'))).token);
        const first = await tokenOf();
        await until(async () => (await tokenOf()) !== first, 'another access token', 60_000);
        await see(page, inside);
        await button(page, 'Leave').click();
        await see(page, /^You left/);
        await person.close();
        await other.audit();
        await other.stop();
    });
});

describe('a call', () => {
    it('is lost without a network when the token ends, and back with it', async () => {
        const guest = await guestIn(briefService);
        const { page, person } = guest;
        await inChannel(page);
        await person.context.setOffline(true);
        await see(page, inside);
        await see(page, lost);
        await picture(page, 'call-lost');
        assert.equal(await page.evaluate(() => window.agora.client.connectionState), 'DISCONNECTED');
        await sleep(4000);
        await person.context.setOffline(false);
        await see(page, inside);
        await inChannel(page);
        await until(async () => (await participantsOf(guest)).length === 2, 'the seat');
        await person.close();
    });

    it('says that the room is gone after so long', async () => {
        const { person, page } = await hostIn(briefService);
        await person.context.setOffline(true);
        await see(page, lost);
        await sleep(12_000); // the seat lapses, and the room with it
        await person.context.setOffline(false);
        await see(page, 'The room is closed.');
        await picture(page, 'call-gone');
        await person.close();
    });

    // The processes that run the pages stand still, and go on as if nothing had been.
    it('wakes up from sleep', async () => {
        const guest = await guestIn(briefService);
        const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo');
        const asleep = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
        const tellAll = (signal) => asleep.filter((id) => isTold(id, signal));
        try {
            assert.ok(tellAll('SIGSTOP').length > 0);
            await until(async () => (await participantsOf(guest)).length === 1, 'the seat lapses', 60_000);
        } finally {
            tellAll('SIGCONT');
        }
        await until(async () => (await participantsOf(guest)).length === 2, 'back in', 60_000);
        await see(guest.page, inside);
        await guest.person.close();
    });

    // The page's clock jumps, as that of a computer whose lid was closed; the service's does not.
    for (const [name, minutes] of [
        ['100 s', '01:40'],
        ['10 minutes', '10:00'],
    ]) {
        it(`believes itself out of the call after ${name} of sleep, and asks`, async () => {
            const person = await newPerson(browser);
            const { page } = person;
            await page.clock.install();
            await page.goto(addressOf(service));
            await button(page, 'Try without a wallet').click();
            await signedIn(page);
            await button(page, 'Create and join').click();
            await see(page, inside);
            await inChannel(page);
            const leavesOf = () => page.evaluate(() => window.agora.calls.filter(([each]) => each === 'leave').length);
            await page.clock.fastForward(minutes);
            await until(async () => (await leavesOf()) === 1, 'out of the channel');
            await see(page, inside);
            await inChannel(page);
            await button(page, 'Leave').click();
            await see(page, /^You left/);
            await person.close();
        });
    }

    it('goes on in a background tab, whose timers fire once a minute', async () => {
        const person = await newPerson(browser);
        const { page } = person;
        await page.clock.install();
        await page.addInitScript(() => {
            Object.defineProperty(document, 'visibilityState', { get: () => (window.isBehind ? 'hidden' : 'visible') });
        });
        await page.goto(addressOf(service));
        await button(page, 'Try without a wallet').click();
        await signedIn(page);
        await button(page, 'Create and join').click();
        await see(page, inside);
        await inChannel(page);
        await page.evaluate(() => {
            window.isBehind = true;
            document.dispatchEvent(new Event('visibilitychange'));
        });
        const renewals = () => page.evaluate(() => window.agora.calls.filter(([each]) => each === 'renewToken').length);
        for (let minute = 0; minute < 10; minute += 1) {
            const before = await renewals();
            await page.clock.fastForward('01:00');
            await until(async () => (await renewals()) > before, 'a renewal in this minute', 60_000);
        }
        assert.equal(await page.evaluate(() => window.agora.calls.filter(([each]) => each === 'leave').length), 0);
        await person.close();
    });

    it('moves to the tab that joined last', async () => {
        const wallet = makeWallet();
        const { person, page, host, room_id } = await guestIn(service, { wallet });
        const second = await person.open();
        await second.goto(addressOf(service, `/#room/${room_id}`));
        await button(second, 'Join').click();
        await button(second, 'Test Wallet').click();
        await see(second, inside);
        await see(page, 'You joined from another tab or device.');
        await picture(page, 'call-replaced');
        assert.equal((await participantsOf({ host, room_id })).length, 2);
        await person.close();
    });

    it('goes on after the page is loaded again, for a guest and for the host', async () => {
        const guest = await guestIn(service);
        await guest.page.reload();
        await see(guest.page, inside);
        assert.equal((await participantsOf(guest)).length, 2);
        await guest.person.close();

        const host = await hostIn(service);
        await host.page.reload();
        await see(host.page, inside);
        await host.person.close();
    });

    it('gives the seat back at once when the tab is closed', async () => {
        const guest = await guestIn(service);
        await guest.page.close({ runBeforeUnload: false });
        await until(async () => (await participantsOf(guest)).length === 1, 'the seat is free', 30_000);
        await guest.person.close();
    });

    it('comes about while the service is busy, at what it asks to wait', async () => {
        const person = await newPerson(browser);
        const { page } = person;
        const turned = [];
        const refuse = (status, error, times) => async (route) => {
            if (turned.filter((each) => each === error).length >= times) return route.continue();
            turned.push(error);
            return route.fulfill({
                status,
                headers: { 'Retry-After': '1', 'Content-Type': 'application/json' },
                body: JSON.stringify({ error }),
            });
        };
        await page.route('**/rooms/create', refuse(503, 'database_unavailable', 2));
        await page.route('**/rooms/join', refuse(429, 'rate_limited', 2));
        await page.goto(addressOf(service));
        await button(page, 'Try without a wallet').click();
        await signedIn(page);
        await button(page, 'Create and join').click();
        await see(page, inside);
        assert.deepEqual(turned, ['database_unavailable', 'database_unavailable', 'rate_limited', 'rate_limited']);
        await person.close();
    });

    it('warns of the end of the credit, and ends with it', async () => {
        const settings = { ...brief, MINIMUM_CREDIT_SECONDS: '8', BASE_GRANT_SECONDS: '20' };
        const poor = await startService({ settings });
        const { person, page } = await hostIn(poor);
        await see(page, 'Little credit is left.');
        await picture(page, 'call-low');
        await see(page, /^The credit is used up\. The call ends/);
        await see(page, 'The credit is used up. The call is over.');
        await picture(page, 'call-exhausted');
        await button(page, 'Join').click();
        await see(page, 'Too little credit is left for a call.');
        await person.close();
        await poor.audit();
        await poor.stop();
    });

    it('is operated by the keyboard alone', async () => {
        const person = await newPerson(browser);
        const { page } = person;
        await page.goto(addressOf(service));
        await button(page, 'Try without a wallet').waitFor();
        // to the element of that name, as the Tab key goes
        const reach = async (name) => {
            for (let times = 0; times < 30; times += 1) {
                await page.keyboard.press('Tab');
                if ((await page.evaluate(() => document.activeElement.textContent.trim())) === name) return;
            }
            assert.fail(`${name} is not reached`);
        };
        await reach('Try without a wallet');
        await page.keyboard.press('Enter');
        await signedIn(page);
        await reach('Create and join');
        await page.keyboard.press('Enter');
        await see(page, inside);
        await button(page, 'Mute').waitFor();
        await reach('Mute');
        await page.keyboard.press('Space');
        await page.getByRole('button', { name: 'Unmute', pressed: true }).waitFor();
        // The focus does not wait for the service's answer.
        const answer = await held(page, '**/rooms/leave');
        await reach('Leave');
        await page.keyboard.press('Enter');
        await see(page, 'You left.');
        assert.equal(await page.evaluate(() => document.activeElement.id), 'call-title');
        answer();
        await see(page, /^You left\. This call took/);
        await person.close();
    });

    it('says what is wrong where it cannot come about', async () => {
        const guest = await guestIn(service);
        for (let number = 0; number < 4; number += 1)
            ok(await (await service.signedIn()).post('/rooms/join', { room_id: guest.room_id }));
        const late = await newPerson(browser);
        await late.page.goto(addressOf(service, `/#room/${guest.room_id}`));
        await button(late.page, 'Join').click();
        await button(late.page, 'Try without a wallet').click();
        await see(late.page, 'The room is full.');
        await picture(late.page, 'call-full');
        await late.page.goto(addressOf(service, '/#room/00000000-0000-4000-8000-000000000000'));
        await see(late.page, 'There is no such room, or it is closed.');
        await late.page.route('**/rooms/active', (route) => route.abort());
        await late.page.goto(addressOf(service, '/'));
        await see(late.page, /cannot be reached/);
        await picture(late.page, 'home-unreachable');
        await late.close();
        await guest.person.close();
    });
});
