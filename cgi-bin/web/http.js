// Requests to the service, each with a time limit.

// The other fields of the answer are fields of this.
export class ServiceError extends Error {
    constructor(status, code, { fields = {}, retryAfterSeconds, cause } = {}) {
        super(fields.message ?? (status ? `${status} ${code}` : code), { cause });
        const { message, ...others } = fields;
        Object.assign(this, others, { name: 'ServiceError', status, code, retryAfterSeconds });
    }

    get isTransient() {
        return this.isUnanswered || [429, 503].includes(this.status) || this.code === 'request_in_progress';
    }

    // Nobody knows whether the service has carried it out.
    get isUnanswered() {
        return ['network', 'timeout', 'bad_answer'].includes(this.code);
    }
}

const gatewayStatuses = [502, 504];
const firstDelayMs = 250;
const longestDelayMs = 2000;
export const companyMs = 2500; // an attempt without an answer for so long gets another beside it

export class Http {
    constructor(base, environment, { timeoutSeconds = 10, retrySeconds = 20 } = {}) {
        Object.assign(this, { base, environment });
        this.timeoutMs = timeoutSeconds * 1000;
        this.retryMs = retrySeconds * 1000;
    }

    newKey() {
        const { now, random } = this.environment;
        return [now(), random() * 2 ** 52, random() * 2 ** 52].map((part) => Math.floor(part).toString(36)).join('-');
    }

    delayMs(failures, error) {
        const grownMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - 1));
        return (error?.retryAfterSeconds ?? 0) * 1000 + grownMs * (0.5 + this.environment.random() / 2);
    }

    wait(delayMs) {
        return new Promise((resolve) => this.environment.setTimeout(resolve, delayMs));
    }

    // One request: { status, headers, body, sentAt }. Throws ServiceError.
    async once(method, path, options = {}) {
        const { setTimeout, clearTimeout, now } = this.environment;
        const controller = new AbortController();
        const sentAt = now();
        let timer;
        const expiry = new Promise((resolve, reject) => {
            const expire = () => {
                reject(new ServiceError(0, 'timeout'));
                controller.abort();
            };
            timer = setTimeout(expire, options.timeoutMs ?? this.timeoutMs);
        });
        try {
            const reply = await Promise.race([this.#exchange(method, path, options, controller.signal), expiry]);
            return { ...reply, sentAt };
        } catch (error) {
            throw error instanceof ServiceError ? error : new ServiceError(0, 'network', { cause: error });
        } finally {
            clearTimeout(timer);
        }
    }

    // Until there is an answer, or the next attempt would be too late.
    async repeated(method, path, options = {}) {
        const { now } = this.environment;
        const giveUpAt = now() + this.retryMs;
        for (let attempts = 1; ; attempts += 1) {
            try {
                return { ...(await this.once(method, path, options)), attempts };
            } catch (error) {
                error.attempts = attempts;
                const delayMs = this.delayMs(attempts, error);
                if (!error.isTransient || now() + delayMs > giveUpAt) throw error;
                await this.wait(delayMs);
            }
        }
    }

    // Undefined if no attempt by `send` succeeds. Beside a slow one the next begins.
    persistently(until, send) {
        const { setTimeout, clearTimeout, now } = this.environment;
        let timer;
        let failures = 0;
        return new Promise((resolve) => {
            const finish = (value) => {
                clearTimeout(timer);
                failures = Infinity;
                resolve(value);
            };
            const attemptAfter = (delayMs) => {
                clearTimeout(timer);
                timer = setTimeout(attempt, delayMs);
            };
            const attempt = () => {
                attemptAfter(companyMs);
                send().then(finish, (error) => {
                    failures += 1;
                    if (!error.isTransient || now() > until) finish();
                    else if (failures < Infinity) attemptAfter(this.delayMs(failures, error));
                });
            };
            attempt();
        });
    }

    async #exchange(method, path, { token, key, etag, body, keepalive }, signal) {
        const headers = {};
        if (token !== undefined) headers.Authorization = `Bearer ${token}`;
        if (key !== undefined) headers['Idempotency-Key'] = key;
        if (etag !== undefined) headers['If-None-Match'] = etag;
        const request = { method, headers, signal };
        if (keepalive) request.keepalive = true;
        if (method === 'POST') {
            headers['Content-Type'] = 'application/json';
            request.body = JSON.stringify(body ?? {});
        }
        const response = await this.environment.fetch(this.base + path, request);
        return this.#read(response);
    }

    async #read(response) {
        const { status, headers } = response;
        if (status === 304) return { status, headers };
        const text = await response.text();
        const answer = parseObject(text);
        // A gateway or a hotel's network speaks instead of the service.
        if (answer === undefined || gatewayStatuses.includes(status)) throw new ServiceError(0, 'bad_answer');
        if (response.ok) return { status, headers, body: answer };
        const retryAfterSeconds = Number(headers.get('Retry-After')) || undefined;
        throw new ServiceError(status, answer.error ?? `status_${status}`, { fields: answer, retryAfterSeconds });
    }
}

function parseObject(text) {
    try {
        const value = JSON.parse(text);
        return typeof value === 'object' && value !== null ? value : undefined;
    } catch {
        return undefined;
    }
}
