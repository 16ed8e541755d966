// Goes on while a computer sleeps, as performance.now() may not, and never goes back, as Date.now() may.
function steadyClock() {
    let wall = Date.now();
    let ticks = performance.now();
    let now = wall;
    return () => {
        const before = [wall, ticks];
        wall = Date.now();
        ticks = performance.now();
        now += Math.max(wall - before[0], ticks - before[1], 0);
        return now;
    };
}

// The tab's own. Some browsers throw where storage is forbidden.
function defaultStorage() {
    try {
        if (globalThis.window?.sessionStorage) return globalThis.window.sessionStorage;
    } catch {} // memory will do
    const kept = new Map();
    return {
        getItem: (name) => kept.get(name) ?? null,
        setItem: (name, text) => kept.set(name, text),
        removeItem: (name) => kept.delete(name),
    };
}

function listen(type, callback) {
    const target = type === 'visibilitychange' ? globalThis.document : globalThis.window;
    target?.addEventListener(type, callback);
    return () => target?.removeEventListener(type, callback);
}

export function completeEnvironment(given = {}) {
    return {
        fetch: (...request) => globalThis.fetch(...request),
        now: steadyClock(), // milliseconds since 1970
        setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
        clearTimeout: (timer) => globalThis.clearTimeout(timer),
        random: Math.random,
        storage: given.storage ?? defaultStorage(),
        locks: globalThis.navigator?.locks,
        location: globalThis.location,
        listen,
        isHidden: () => globalThis.document?.visibilityState === 'hidden',
        ...given,
    };
}

// Takes it from who holds it; gives back what frees it. `onStolen`: another tab has taken it.
export function takeLock(locks, name, onStolen) {
    let free;
    const held = new Promise((resolve) => (free = resolve));
    locks?.request(name, { steal: true }, () => held).catch((error) => error?.name === 'AbortError' && onStolen());
    return free;
}

export class Emitter {
    #listeners = new Map();

    on(name, listener) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
        this.#listeners.get(name).add(listener);
        return () => this.#listeners.get(name).delete(listener);
    }

    // A listener that throws must not stop the others, nor the stay.
    emit(name, detail) {
        for (const listener of [...(this.#listeners.get(name) ?? [])]) {
            try {
                Promise.resolve(listener(detail)).catch(report);
            } catch (error) {
                report(error);
            }
        }
    }
}

function report(error) {
    (globalThis.reportError ?? console.error)(error);
}
