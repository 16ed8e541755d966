// What hostile clients find: rooms, a booked session and wallets that are in the middle of something, at a second at which
// the clock stands, so that whatever changes was changed by a request.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { Deployment, variants } from '../servers.mjs';
import { clockAt, ok, root } from '../service.mjs';

export const vectors = JSON.parse(readFileSync(path.join(root, 'tests/vectors/jwt.json'), 'utf8')).vectors;
export const [{ now, secret }] = vectors;
assert.ok(vectors.every((vector) => vector.now === now && vector.secret === secret));

export const serviceToken = 'service-token-of-the-hostile-tests';
export const backendToken = 'backend-token-of-the-hostile-tests';
export const allowedOrigin = 'https://app.example.org';
export const bookingId = String(now); // the mock chain's: it starts now
const account = (number) => privateKeyToAccount(`0x${number.toString(16).padStart(64, 'e')}`);
const names = ['host', 'guest', 'member', 'loner', 'stranger', 'nobody'];
export const accounts = Object.fromEntries(names.map((name, index) => [name, account(index + 1)]));

// All tables of a database, each as a digest, asked of one process that only reads.
export class Tables {
    constructor(database) {
        this.child = spawn('sqlite3', ['-readonly', '-cmd', '.timeout 5000', database]);
        this.output = '';
        this.errors = '';
        this.child.stdout.setEncoding('utf8').on('data', (text) => this.take(text));
        this.child.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
        this.exit = new Promise((resolve) => this.child.on('close', resolve));
    }

    take(text) {
        this.output += text;
        if (!/^end$/m.test(this.output)) return;
        const lines = this.output.split('\n').filter((line) => line !== '' && line !== 'end');
        this.output = '';
        this.answered(lines);
    }

    async ask(sql) {
        const lines = await new Promise((resolve, reject) => {
            this.answered = resolve;
            this.exit.then(() => reject(new Error(`sqlite3 ended: ${this.errors}`)));
            this.child.stdin.write(`${sql};\nSELECT 'end';\n`);
        });
        assert.equal(this.errors, '');
        return lines.map((line) => line.split('|'));
    }

    // { table: digest }
    async digests() {
        this.names ??= (await this.ask("SELECT name FROM sqlite_schema WHERE type = 'table'")).flat();
        assert.ok(this.names.length >= 10);
        const each = this.names.map((name) => `SELECT '${name}', hex(sha3_query('SELECT * FROM "${name}"'))`);
        return Object.fromEntries(await this.ask(each.join(';\n')));
    }

    async close() {
        this.child.stdin.end();
        await this.exit;
    }
}

export class World {
    static async start(machine, serverName) {
        const world = new World();
        world.serverName = serverName;
        world.serviceToken = serviceToken;
        world.backendToken = backendToken;
        const settings = {
            ENVIRONMENT: 'development',
            CHAIN_MODE: 'mock',
            JWT_SECRET: secret,
            MOCK_HOST: accounts.host.address,
            MOCK_GUEST: accounts.guest.address,
            ORACLE_SERVICE_TOKEN: serviceToken,
            SERVICE_TOKEN: backendToken,
            ORACLE_PRIVATE_KEY: `0x00${'7b'.repeat(31)}`,
            METRICS_TOKEN: 'metrics-token-of-the-hostile-tests',
            CORS_ALLOWED_ORIGINS: allowedOrigin,
            RATE_LIMIT_CREATE_PER_MINUTE: '0',
            RATE_LIMIT_CHAIN_PER_MINUTE: '0',
        };
        const variant = { ...variants[serverName], workersEnvironment: clockAt(now) };
        world.service = await new Deployment(machine, variant, settings).start();
        world.tables = new Tables(world.service.settings.DATABASE_PATH);
        await world.populate();
        return world;
    }

    async populate() {
        for (const name of names) {
            this[name] = this.service.newClient(accounts[name]);
            await this[name].signIn();
        }
        this.roomId = await this.host.host({ visibility: 'open', title: 'ours' });
        ok(await this.member.join(this.roomId));
        const key = { headers: { 'Idempotency-Key': 'key-of-loner' } };
        this.privateRoomId = ok(await this.loner.create({ visibility: 'private' }, key)).room_id;
        ok(await this.loner.join(this.privateRoomId));
        this.closedRoomId = await this.stranger.host();
        this.pastConnectionId = this.stranger.seat.connection_id;
        ok(await this.stranger.leave());
        ok(await this.guest.post('/session/join', { booking_id: bookingId }));
        const booked = `SELECT room_id, connection_id FROM connections JOIN rooms USING (room_id) WHERE wallet = '${this.guest.wallet}'`;
        [[this.bookedRoomId, this.bookedConnectionId]] = await this.tables.ask(booked);
        this.nonces = [];
        for (let count = 0; count < 12; count += 1) this.nonces.push(await this.nobody.nonce());
        this.spentNonce = await this.nobody.nonce();
        this.spentSignature = await this.nobody.sign(this.spentNonce);
        const spent = { wallet: this.nobody.wallet, signature: this.spentSignature, nonce: this.spentNonce };
        ok(await this.service.post('/auth/verify', spent));
    }

    async stop() {
        await this.tables.close();
        await this.service.audit();
        await this.service.stop();
    }
}
