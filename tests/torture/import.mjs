// The first service's accounts, as many as asked for, brought along by the command: first killed so many times and called
// again, then once more at a stretch into a database of its own. Each account is compared with what it was made from.
// usage: import.mjs BUILD WALLETS KILLS SEED
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';

const [build, wallets, kills, seed] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const folder = mkdtempSync(path.join(os.tmpdir(), 'session-voice-import-'));
const dump = path.join(folder, 'first-service.sql');
const admin = path.resolve(build, 'session-voice-admin');

// A generator of 32 bits (mulberry32).
let state = seed >>> 0;
function random(below) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
}

// What is to come of each account: "wallet|base|bonus|adjusted|consumed|remaining".
async function writeDump() {
    const file = createWriteStream(dump);
    const expected = [];
    let part = 'PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE credit_accounts (wallet TEXT PRIMARY KEY, base_granted_seconds INTEGER NOT NULL, ' +
        'bonus_granted_seconds INTEGER NOT NULL, consumed_seconds INTEGER NOT NULL, updated_at TEXT NOT NULL);\n';
    const put = async (line, isLast = false) => {
        part += line;
        if (part.length < 1 << 20 && !isLast) return;
        if (!file.write(part)) await once(file, 'drain');
        part = '';
    };
    for (let i = 0; i < wallets; i += 1) {
        const wallet = `0x${Array.from({ length: 5 }, () => random(2 ** 32).toString(16).padStart(8, '0')).join('')}`;
        const bonus = random(2) * 1800;
        const consumed = random(3) === 0 ? 0 : 1 + random(1800 + bonus);
        expected.push(`${wallet}|1800|${bonus}|0|${consumed}|${1800 + bonus - consumed}`);
        await put(`INSERT INTO "credit_accounts" VALUES('${wallet}',1800,${bonus},${consumed},'2025-11-02 10:00:00');\n`);
    }
    await put("CREATE TABLE credit_events (id TEXT PRIMARY KEY, wallet TEXT, metadata_json TEXT);\n");
    for (let i = 0; i < wallets; i += 1)
        await put(`INSERT INTO "credit_events" VALUES('${i}','${expected[i].slice(0, 42)}','{"it''s": "; INSERT INTO credit_accounts"}');\n`);
    await put('', true);
    file.end();
    await once(file, 'close');
    return expected.sort();
}

function settings(name, place) {
    mkdirSync(path.join(folder, name));
    const file = path.join(folder, name, 'session-voice.env');
    writeFileSync(
        file,
        `ENVIRONMENT=development\nCHAIN_MODE=mock\n${place}\nSTATE_DIRECTORY=${path.join(folder, name)}\nJWT_SECRET=only for this test, which ends soon\n` +
            'AGORA_APP_ID=0123456789abcdef0123456789abcdef\nAGORA_APP_CERTIFICATE=fedcba9876543210fedcba9876543210\n',
    );
    return file;
}

function command(config, ...args) {
    const { status, stdout, stderr } = spawnSync(admin, ['--config', config, ...args, '--json'], { encoding: 'utf8', maxBuffer: 2 ** 30 });
    if (status !== 0) throw new Error(`${args[0]}: ${stdout}${stderr}`);
    return JSON.parse(stdout);
}

// Each at some moment of about the time that all would take.
async function killed(config) {
    for (let kill = 0; kill < kills; kill += 1) {
        const child = spawn(admin, ['--config', config, 'import', dump], { stdio: 'ignore' });
        const ended = once(child, 'exit');
        setTimeout(() => child.kill('SIGKILL'), 100 + random(wallets / 50));
        if ((await ended)[1] !== 'SIGKILL') return kill;
        command(config, 'audit');
    }
    return kills;
}

const select = 'SELECT wallet, base_granted_seconds, bonus_granted_seconds, adjusted_seconds, consumed_seconds, remaining_seconds FROM credit_accounts';

async function check(name, place, ask, expected) {
    const config = settings(name, place);
    command(config, 'migrate');
    const survived = await killed(config);
    const begun = Date.now();
    command(config, 'import', dump);
    const seconds = (Date.now() - begun) / 1000;
    const again = command(config, 'import', dump);
    if (again.wallets_imported !== 0 || again.already_here !== wallets) throw new Error(`again: ${JSON.stringify(again)}`);
    command(config, 'audit');
    const found = execFileSync(...ask, { encoding: 'utf8', maxBuffer: 2 ** 30 }).trim().split('\n').sort();
    const wrong = found.length !== expected.length ? ['the count'] : found.filter((line, i) => line !== expected[i]);
    if (wrong.length > 0) throw new Error(`${name}: ${wrong.length} accounts are wrong: ${wrong[0]}`);
    console.log(`import: ${name}: ${found.length} accounts are right, after ${survived} kills; what was left took ${seconds.toFixed(1)} s; audit clean`);
    return seconds;
}

try {
    const expected = await writeDump();
    console.log(`# seed ${seed}, ${expected.length} wallets`);
    const sqlite = path.join(folder, 'sqlite', 'session-voice.db');
    await check('sqlite', `DATABASE_PATH=${sqlite}`, ['sqlite3', ['-readonly', sqlite, select]], expected);
    execFileSync('chmod', ['755', folder]);
    const cluster = path.join(folder, 'cluster');
    const url = execFileSync('tests/postgres.sh', ['start', cluster], { encoding: 'utf8' }).trim();
    try {
        await check('postgresql', `DATABASE_URL=${url}`, ['psql', ['-qAt', url, '-c', select]], expected);
    } finally {
        spawnSync('tests/postgres.sh', ['stop', cluster]);
    }
} finally {
    rmSync(folder, { recursive: true, force: true });
}
