// What both pages do with the document.
import { sayError, textAt, texts } from './texts.js';

export const find = (selector, within = document) => within.querySelector(selector);
export const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];

// An element with attributes, listeners (`on...`) and children; a text is a child, too.
export function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) {
        if (attribute.startsWith('on')) made.addEventListener(attribute.slice(2), value);
        else if (value === true) made.setAttribute(attribute, '');
        else if (value !== false && value !== undefined) made.setAttribute(attribute, value);
    }
    made.append(...children.filter((child) => child !== undefined));
    return made;
}

// Puts the texts into a part of the document that names them.
export function fillTexts(within = document) {
    for (const each of findAll('[data-text]', within)) each.textContent = textAt(each.dataset.text);
    for (const each of findAll('[data-label]', within)) each.setAttribute('aria-label', textAt(each.dataset.label));
    for (const each of findAll('[data-hint]', within)) each.placeholder = textAt(each.dataset.hint);
    return within;
}

// What a template makes, with its texts.
export const fromTemplate = (id) => fillTexts(document.getElementById(id).content.cloneNode(true));

// For those who do not see the page.
export function announce(text) {
    find('#said').textContent = text;
}

let noticeTimer;
export function notify(text, good = false) {
    const notice = find('#notice');
    notice.classList.toggle('good', good);
    notice.replaceChildren(element('p', {}, text));
    notice.hidden = false;
    clearTimeout(noticeTimer);
    noticeTimer = setTimeout(() => (notice.hidden = true), 8000);
}

export function hideNotice() {
    find('#notice').hidden = true;
}

// Does it while the button is off, and says what goes wrong. What it gives back is undefined then.
export async function act(button, task) {
    button.disabled = true;
    try {
        return await task();
    } catch (error) {
        if (error.name !== 'AbortError') notify(sayError(error));
        return undefined;
    } finally {
        button.disabled = false;
    }
}

// Asks in a dialog of the page's own; true if the answer is yes.
export function confirmed(question, yes) {
    return new Promise((resolve) => {
        const close = (answer) => () => {
            resolve(answer);
            dialog.remove();
        };
        const dialog = element(
            'dialog',
            { 'aria-label': question, oncancel: close(false) },
            element('p', {}, question),
            element(
                'p',
                { class: 'actions' },
                element('button', { class: 'danger', onclick: close(true) }, yes),
                element('button', { class: 'quiet', onclick: close(false) }, texts.wallets.cancel),
            ),
        );
        document.body.append(dialog);
        dialog.showModal();
    });
}
