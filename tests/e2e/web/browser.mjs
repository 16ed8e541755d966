// Debian's Chromium before the real service, with wallets of viem and a stand-in for Agora's SDK.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { build } from '../service.mjs';

const require = createRequire(import.meta.url);

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => existsSync(file));
export const sdkFile = require.resolve('agora-rtc-sdk-ng');
const axeFile = require.resolve('axe-core/axe.min.js');
const standIn = readFileSync(new URL('agora-stand-in.js', import.meta.url), 'utf8');
export const pictures = path.join(build, 'pictures');

export async function startBrowser() {
    assert.ok(program, 'Chromium is installed');
    mkdirSync(pictures, { recursive: true });
    return chromium.launch({
        executablePath: program,
        args: [
            '--no-sandbox',
            '--disable-dev-shm-usage',
            '--use-fake-device-for-media-stream',
            '--use-fake-ui-for-media-stream',
            '--autoplay-policy=no-user-gesture-required',
        ],
    });
}

// A wallet as EIP-1193 wants it, for a page: `request` answers, or throws an error with a `code`.
export function makeWallet(account = privateKeyToAccount(generatePrivateKey())) {
    const wallet = {
        account,
        address: account.address.toLowerCase(),
        asked: [],
        async request({ method, params }) {
            wallet.asked.push(method);
            if (method === 'eth_requestAccounts') return [account.address];
            if (method === 'eth_chainId') return '0x18c7';
            if (method === 'personal_sign') return account.signMessage({ message: { raw: params[0] } });
            throw Object.assign(new Error(`${method} is not known`), { code: 4200 });
        },
    };
    return wallet;
}

// Announces it to the page, by EIP-6963.
async function giveWallet(page, wallet, name) {
    await page.exposeFunction('askWallet', async (request) => {
        try {
            return { result: await wallet.request(request) };
        } catch (error) {
            return { error: { code: error.code, message: error.message } };
        }
    });
    await page.addInitScript((shownName) => {
        const provider = {
            async request(request) {
                const { result, error } = await window.askWallet(request);
                if (error) throw Object.assign(new Error(error.message), { code: error.code });
                return result;
            },
        };
        const info = {
            uuid: '350670db-19fa-4704-a166-e52e178b59d2',
            name: shownName,
            icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>',
            rdns: 'org.example.wallet',
        };
        const announce = () =>
            window.dispatchEvent(
                new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }),
            );
        window.addEventListener('eip6963:requestProvider', announce);
        announce();
    }, name);
}

// A person: a browser profile of their own with one page. `sound`: 'stand-in', or 'none' where Agora cannot be reached.
export async function newPerson(browser, { wallet, sound = 'stand-in', ...options } = {}) {
    const context = await browser.newContext({
        permissions: ['clipboard-read', 'clipboard-write', 'microphone'],
        ...options,
    });
    const complaints = [];
    const open = async () => {
        const page = await context.newPage();
        page.setDefaultTimeout(60_000); // however busy the machine is
        page.on('pageerror', (error) => complaints.push(error.stack));
        page.on('console', (message) => {
            // what a server refused or the network lost is in the browser's log, too
            if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text()))
                complaints.push(message.text());
        });
        if (wallet) await giveWallet(page, wallet, 'Test Wallet');
        if (sound === 'stand-in') await page.addInitScript(standIn);
        return page;
    };
    if (sound === 'none') await context.route('https://download.agora.io/**', (route) => route.abort());
    const page = await open();
    return { context, page, wallet, complaints, open, close: () => context.close() };
}

// No violation of WCAG's rules.
export async function assertAccessible(page, what) {
    // by the debugger's way in, which the page's policy does not concern
    await page.evaluate(readFileSync(axeFile, 'utf8'));
    const found = await page.evaluate(async () => {
        const { violations } = await window.axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        });
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
    });
    assert.deepEqual(found, [], what);
}

const looks = [
    ['light', { colorScheme: 'light' }, { width: 1200, height: 860 }],
    ['dark', { colorScheme: 'dark' }, { width: 1200, height: 860 }],
    ['phone', { colorScheme: 'light' }, { width: 390, height: 844 }],
];

// What the page shows now, in every look, and accessible in each.
export async function picture(page, name) {
    for (const [look, media, size] of looks) {
        await page.emulateMedia(media);
        await page.setViewportSize(size);
        await page.screenshot({
            path: path.join(pictures, `${name}-${look}.png`),
            fullPage: true,
            animations: 'disabled',
        });
        await assertAccessible(page, `${name}, ${look}`);
        const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.ok(overflow <= 0, `${name}, ${look}: ${overflow} px too wide`);
    }
    await page.emulateMedia(looks[0][1]);
    await page.setViewportSize(looks[0][2]);
}
