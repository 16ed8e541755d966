// Makes the picture that README.md begins with: the page in a call, from a copy of the service.
// usage: SESSION_VOICE_BUILD=build node tests/e2e/web/readme-picture.mjs
import { fileURLToPath } from 'node:url';
import { ok, startService } from '../service.mjs';
import { newPerson, startBrowser } from './browser.mjs';

const file = fileURLToPath(new URL('../../../cgi-bin/web/page.png', import.meta.url));
const [browser, service] = await Promise.all([startBrowser(), startService()]);
try {
    const { page } = await newPerson(browser, { viewport: { width: 1120, height: 720 }, colorScheme: 'light' });
    const host = await service.signedIn();
    const { room_id } = ok(await host.post('/rooms/create', { title: 'Evening talk' }));
    const { agora_uid } = ok(await host.post('/rooms/join', { room_id }));
    for (const friend of [await service.signedIn(), await service.signedIn()])
        ok(await friend.post('/rooms/join', { room_id }));
    await page.goto(`http://127.0.0.1:${service.port}/`);
    await page.getByRole('button', { name: 'Try without a wallet', exact: true }).click();
    await page.locator('#statement-link').waitFor();
    await page.getByRole('link', { name: 'Join: Evening talk' }).click();
    await page.locator('.person').nth(3).waitFor();
    await page.getByText('You are heard.').waitFor();
    await page.evaluate((uid) => window.agora.client.emit('volume-indicator', [{ uid, level: 60 }]), agora_uid);
    await page.locator('.person.speaking').waitFor();
    await page.screenshot({ path: file, animations: 'disabled' });
} finally {
    await browser.close();
    await service.stop();
}
