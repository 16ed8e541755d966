// Who is signed in, and how that comes about.
import { Client, discoverWallets } from './client.js';
import { act, element, find, notify } from './dom.js';
import { sayError, shortWallet, texts } from './texts.js';

export const client = new Client({ url: new URL('.', document.baseURI).href });

let hasDemo = false;
let asked; // whether it has
const listeners = new Set();

// Calls back whenever somebody signs in or out; gives back what ends that.
export function onAccount(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

export const canTry = () => hasDemo;

function show() {
    const { wallet } = client;
    const link = find('#statement-link');
    if (wallet) {
        link.textContent = shortWallet(wallet);
        link.setAttribute('aria-label', texts.account.statement(shortWallet(wallet)));
    }
    link.hidden = find('#sign-out').hidden = !wallet;
    find('#sign-in').hidden = Boolean(wallet);
    for (const listener of listeners) listener();
}

async function sign({ provider }) {
    find('#wallets-hint').textContent = texts.wallets.waiting;
    await client.signIn(provider);
    find('#wallets').close('signed');
}

// True once somebody is signed in. What the person gives up is no error.
export async function signIn() {
    const [wallets] = await Promise.all([discoverWallets(), asked]);
    const dialog = find('#wallets');
    const hint = find('#wallets-hint');
    const run = (task) => async () => {
        for (const each of choices) each.disabled = true;
        try {
            await task();
        } catch (error) {
            hint.textContent = error.code === 'refused' ? texts.wallets.refused : sayError(error);
        } finally {
            for (const each of choices) each.disabled = false;
        }
    };
    const choices = wallets.map((wallet) =>
        element(
            'button',
            { class: 'second', type: 'button', onclick: run(() => sign(wallet)) },
            wallet.info.icon.startsWith('data:image/')
                ? element('img', { src: wallet.info.icon, alt: '', width: 24, height: 24 })
                : '',
            wallet.info.name,
        ),
    );
    const demo = async () => {
        await client.signInDemo();
        dialog.close('signed');
    };
    if (hasDemo)
        choices.push(element('button', { class: 'second', type: 'button', onclick: run(demo) }, texts.account.demo));
    hint.textContent = wallets.length > 0 ? texts.wallets.choose : texts.wallets.none;
    find('#wallets-list').replaceChildren(...choices);
    dialog.returnValue = '';
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
    show();
    return dialog.returnValue === 'signed';
}

export async function tryWithoutWallet() {
    await client.signInDemo();
    show();
}

async function askForDemo() {
    try {
        const answer = await fetch(new URL('health', client.url), { signal: AbortSignal.timeout(10_000) });
        hasDemo = (await answer.json()).demo === true;
    } catch {} // the list of rooms will say so
    show();
}

// Before the first view is shown.
export function begin() {
    find('#sign-in').addEventListener('click', ({ currentTarget }) => act(currentTarget, signIn));
    find('#sign-out').addEventListener('click', () => {
        client.signOut();
        show();
        location.hash = '';
    });
    client.on('signed_out', () => {
        show();
        notify(texts.errors.unauthorized);
    });
    show();
    asked = askForDemo();
}
