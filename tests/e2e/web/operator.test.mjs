// The operator's view in a real browser, against the real service.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ok, startService } from '../service.mjs';
import { newPerson, picture, startBrowser } from './browser.mjs';

const token = 'the-token-of-the-backend-in-this-test';
let browser;
let service;
let operator;
let talkers;
before(async () => {
    [browser, service] = await Promise.all([startBrowser(), startService({ settings: { SERVICE_TOKEN: token } })]);
    operator = await newPerson(browser);
    operator.page.on('dialog', (dialog) => dialog.dismiss()); // it asks in dialogs of its own
    talkers = [await service.signedIn(), await service.signedIn()];
    const { room_id } = ok(await talkers[0].post('/rooms/create', { title: 'Evening talk', visibility: 'private' }));
    for (const talker of talkers) talker.seat = ok(await talker.post('/rooms/join', { room_id }));
});
after(async () => {
    await browser?.close();
    await service?.audit();
    await service?.stop();
});

const address = () => `http://127.0.0.1:${service.port}/operator`;
const button = (name, within = operator.page) => within.getByRole('button', { name, exact: true });
const tab = (name) => operator.page.getByRole('tab', { name }).click();
const see = (text) => operator.page.getByText(text).first().waitFor();

describe("the operator's view", () => {
    it('asks for the token, and keeps it in memory alone', async () => {
        const { page } = operator;
        await page.goto(address());
        await picture(page, 'operator-enter');
        await page.getByLabel('Service token').fill('not the token');
        await button('Enter').click();
        await see('That is not the token.');
        await page.getByLabel('Service token').fill(token);
        await button('Enter').click();
        await see('Evening talk');
        await picture(page, 'operator-rooms');
        const kept = await page.evaluate(() =>
            JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]),
        );
        assert.ok(!kept.includes(token));
        await page.reload();
        await page.getByLabel('Service token').waitFor();
        await page.getByLabel('Service token').fill(token);
        await button('Enter').click();
        await see('Evening talk');
    });

    it('is operated by the keyboard', async () => {
        const { page } = operator;
        await page.getByRole('tab', { name: 'Rooms' }).focus();
        await page.keyboard.press('ArrowRight');
        assert.equal(await page.getByRole('tab', { selected: true }).textContent(), 'Wallets');
        assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-wallets');
        await page.keyboard.press('ArrowLeft');
        await see('Evening talk');
    });

    it('shows a wallet, gives it credit, refunds a call and bans it', async () => {
        const { page } = operator;
        const guest = talkers[1];
        const shown = async () => ok(await guest.get('/credits')).remaining_seconds;
        await tab('Wallets');
        await page.getByLabel('Wallet', { exact: true }).fill(guest.wallet.toUpperCase().replace('0X', '0x'));
        await button('Look up').click();
        await see(guest.wallet);
        await see(/In the room/);

        const before = await shown();
        const grant = page.locator('form[data-do=grant]');
        await grant.getByLabel('Seconds').fill('600');
        await grant.getByLabel('Reference').fill('payment-1');
        await button('Grant', grant).click();
        await see('Top-up');
        assert.ok((await shown()) > before + 500);
        await grant.getByLabel('Seconds').fill('600');
        await grant.getByLabel('Reference').fill('payment-1');
        await button('Grant', grant).click();
        await see('This reference was used before. Nothing has changed.');
        await grant.getByLabel('Seconds').fill('601');
        await grant.getByLabel('Reference').fill('payment-1');
        await button('Grant', grant).click();
        await see('This reference was used for something else.');

        ok(
            await guest.post('/rooms/token/renew', {
                room_id: guest.seat.room_id,
                connection_id: guest.seat.connection_id,
            }),
        );
        await button('Look up').click();
        await button('Refund this call').first().click();
        const refund = page.locator('form[data-do=refund]');
        assert.equal(await refund.getByLabel('Stay').inputValue(), guest.seat.connection_id);
        await refund.getByLabel('Seconds').fill('1');
        await refund.getByLabel('Reference').fill('complaint-1');
        await button('Refund', refund).click();
        await page.locator('tbody').getByText('Refund', { exact: true }).waitFor();
        await picture(page, 'operator-wallet');

        const ban = page.locator('form[data-do=ban]');
        await ban.getByLabel('Reason').fill('spam');
        await button('Ban', ban).click();
        await see('Banned: spam');
        await button('Lift the ban').click();
        await page.getByText('Banned: spam').waitFor({ state: 'detached' });
    });

    it('refuses what is no wallet', async () => {
        await operator.page.getByLabel('Wallet', { exact: true }).fill('0x12');
        await button('Look up').click();
        await see("That is no wallet's address.");
    });

    it('puts one out of a room, and closes it', async () => {
        const { page } = operator;
        const [host, guest] = talkers;
        ok(await guest.post('/rooms/join', { room_id: host.seat.room_id }));
        await tab('Rooms');
        await button(`Remove ${guest.wallet}`).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
        await button(`Remove ${guest.wallet}`).waitFor({ state: 'detached' });
        assert.equal((await guest.post('/rooms/join', { room_id: host.seat.room_id })).json.error, 'removed_from_room');
        await button('Close the room Evening talk').click();
        await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
        await see('Evening talk');
        await button('Close the room Evening talk').click();
        await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
        await see('No room is open.');
        await picture(page, 'operator-no-rooms');
    });

    it('shows usage a day, and health', async () => {
        const { page } = operator;
        await tab('Usage');
        await page.locator('.chart svg .mark').first().waitFor({ state: 'attached' });
        const today = new Date().toISOString().slice(0, 10);
        const row = page.locator('tbody tr', { hasText: today });
        assert.match(await row.textContent(), new RegExp(`^${today}`));
        await picture(page, 'operator-usage');
        await tab('Health');
        await see(/The service answers\.|The sweep is late/);
        await picture(page, 'operator-health');
    });

    it('says so where there is no service token', async () => {
        const other = await startService();
        try {
            await operator.page.goto(`http://127.0.0.1:${other.port}/operator`);
            await operator.page.getByLabel('Service token').fill(token);
            await button('Enter').click();
            await see(/has no SERVICE_TOKEN/);
        } finally {
            await other.stop();
        }
    });

    it('complains of nothing', () => assert.deepEqual(operator.complaints, []));
});
