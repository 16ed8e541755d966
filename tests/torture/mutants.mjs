// Puts small faults into the program, one at a time, and says which of them no test sees. Of every kind there are
// equally many; the same seed draws the same. A fault that does not compile, or leaves its object as it is, is none.
// For each, one object is built again in a copy of the tree; then the suites run that are named after its file, and
// then all others, up to the first error. What only programs link is left to end-to-end tests; of what both link, the
// suites come first that are named after it. What does not end in time counts as seen, and so does what wants too much
// memory.
//
// What concerns PostgreSQL alone is tried on one. A fault in a migration that leaves the schema as it is, since a later one
// makes the same thing anew, is none.
//
// equivalents.txt lists faults that no test can see, with the reason; these are not put in.
//
// usage: mutants.mjs BUILD COUNT SEED [FILE...]     from the top of the repository, as root
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { faultsIn } from './faults.mjs';

const [build, wanted, seed, ...files] = process.argv.slice(2);
const jobs = Number(process.env.MUTANT_JOBS ?? cpus().length);
const leastShare = 0.97;
const memoryKiB = 8 * 1024 * 1024;
const fileBlocks = 2 * 1024 * 1024; // of 512 bytes

// Programs, and what runs them.
const programs = [
    { files: /^admin\/(doctor|findings|unit)/, program: 'session-voice-admin', tests: ['doctor'] },
    { files: /^admin\/sessions/, program: 'session-voice-admin', tests: ['admin', 'attest'] },
    { files: /^admin\/webhooks/, program: 'session-voice-admin', tests: ['webhooks'] },
    { files: /^admin\/move/, program: 'session-voice-admin', tests: ['move'] },
    { files: /^admin\//, program: 'session-voice-admin', tests: ['admin', 'moderation'] },
    { files: /^cron\/attest/, program: 'session-voice-attest', tests: ['attest'] },
    { files: /^cron\/notify/, program: 'session-voice-notify', tests: ['webhooks'] },
    { files: /^cron\//, program: 'session-voice-meter', tests: ['cron'] },
    {
        files: /^cgi-bin\/(main|fastcgi|supervisor|connection_queue)/,
        program: 'session-voice',
        tests: ['cgi', 'fastcgi', 'flow', 'http', 'copies', 'replace'],
    },
];

// ---- what is drawn ----

let state = Number(seed) >>> 0;
// Mulberry32.
function roll(sides) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
}

// Of each kind in turn.
function* drawn(faults) {
    const kinds = [...new Set(faults.map(({ kind }) => kind))].map((kind) => faults.filter((fault) => fault.kind === kind));
    while (kinds.some((each) => each.length > 0))
        for (const each of kinds) if (each.length > 0) yield each.splice(roll(each.length), 1)[0];
}

const withFault = (text, { at, length, put }) => text.slice(0, at) + put + text.slice(at + length);

// The lines that it changes, before and after, as they stand in equivalents.txt.
function description(fault) {
    const text = readFileSync(fault.file, 'utf8');
    const begin = text.lastIndexOf('\n', fault.at) + 1;
    const end = (text + '\n').indexOf('\n', fault.at + fault.length - (fault.length > 0 ? 1 : 0));
    const line = (from, to) => from.slice(begin, to).replace(/\s+/g, ' ').trim();
    const changed = withFault(text, fault);
    return `- ${line(text, end)}\n+ ${line(changed, end + fault.put.length - fault.length)}`;
}

function readEquivalents() {
    const known = new Set();
    const text = readFileSync('tests/torture/equivalents.txt', 'utf8').replace(/^#.*\n/gm, '');
    for (const block of text.split(/\n\n+/).filter((each) => each.trim() !== '')) {
        const [, file, lines] = block.trim().match(/^(\S+)\n(- .*\n\+.*)\n/);
        known.add(`${file}\n${lines.trimEnd()}`);
    }
    return known;
}

// The schema after all migrations of SQLite's, of which one has another text.
function schemaWith(file, text) {
    const files = execFileSync('find', ['schema/sqlite', '-name', '*.sql'], { encoding: 'utf8' }).trim().split('\n').sort();
    const script = files.map((each) => (each === file ? text : readFileSync(each, 'utf8'))).join('\n');
    try {
        return execFileSync('sqlite3', [':memory:'], { input: `${script}\n.schema\n`, encoding: 'utf8', stdio: 'pipe' });
    } catch {
        return ''; // it is no SQL any more
    }
}

const statementAt = (text, at) => text.slice(0, at).match(/^(CREATE|ALTER|INSERT|UPDATE|DELETE|DROP)\b/gm)?.at(-1);

function isSuperseded({ file, at, ...fault }) {
    const text = readFileSync(file, 'utf8');
    if (!file.startsWith('schema/sqlite/') || statementAt(text, at) !== 'CREATE') return false;
    return schemaWith(file, withFault(text, { at, ...fault })) === schemaWith(file, text);
}

// ---- a copy of the tree ----

const folder = mkdtempSync(path.join(tmpdir(), 'session-voice-mutants-'));
const running = new Set();
const servers = new Map(); // by tree: { place, url }
process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
    for (const { place } of servers.values()) {
        execFileSync('tests/postgres.sh', ['stop', path.join(place, 'cluster')]);
        rmSync(place, { recursive: true, force: true });
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

function serverOf(tree) {
    if (!servers.has(tree)) {
        const place = mkdtempSync(path.join(tmpdir(), 'session-voice-mutants-server-'));
        chmodSync(place, 0o755); // it runs as another user
        const url = execFileSync('tests/postgres.sh', ['start', path.join(place, 'cluster')], { encoding: 'utf8' }).trim();
        servers.set(tree, { place, url });
    }
    return servers.get(tree).url;
}

// Runs a command in a copy, with processes and a /dev/shm of its own, of which nothing is left; gives back its status.
// `onLine` sees what it prints, and may end it; so does the time, `limit()` seconds from now and from each line on.
function runAlone(tree, command, { limit, onLine = () => {}, limited = true, env = {} }) {
    const limits = limited ? `ulimit -v ${memoryKiB} -f ${fileBlocks};` : '';
    const alone = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'];
    const script = `mount -t tmpfs tmpfs /dev/shm && export TMPDIR=/dev/shm && ${limits} exec "$@"`;
    return new Promise((resolve, reject) => {
        const child = spawn('unshare', [...alone, script, 'sh', ...command], {
            cwd: tree,
            env: { ...process.env, SIMULATION_SEED: '1', SESSION_VOICE_BUILD: build, ...env },
            stdio: ['ignore', 'pipe', 'ignore'],
        });
        running.add(child);
        const end = () => child.kill('SIGKILL');
        let timer = setTimeout(end, limit() * 1000);
        let rest = '';
        child.stdout.setEncoding('utf8').on('data', (text) => {
            const lines = (rest + text).split('\n');
            rest = lines.pop();
            for (const line of lines) if (onLine(line) === 'enough') end();
            clearTimeout(timer);
            timer = setTimeout(end, limit() * 1000);
        });
        child.on('error', reject).on('close', (code) => {
            running.delete(child);
            clearTimeout(timer);
            resolve(code ?? -1);
        });
    });
}

const linker = (() => {
    try {
        execFileSync('ld.gold', ['--version']);
        return '-fuse-ld=gold';
    } catch {
        return '';
    }
})();

function make(tree, target) {
    return new Promise((resolve) => {
        const flags = [`BUILD=${build}`, `LDFLAGS=-Wl,--as-needed -Wl,-S ${linker}`];
        const child = spawn('make', ['-s', ...flags, `${build}/${target}`], { cwd: tree, stdio: 'ignore' });
        child.on('close', resolve);
    });
}

// What is not made anew would be tested without the fault.
async function link(tree, target) {
    if ((await make(tree, target)) !== 0) throw new Error(`${target} cannot be made in ${tree}`);
}

function copyTree(number) {
    const tree = path.join(folder, String(number));
    const without = ['--exclude=./build*', '--exclude=./.git', '--exclude=node_modules', '--exclude=./var*'];
    const script = 'mkdir "$0" && tar -c "$@" . | tar -x -C "$0" && tar -c --exclude="*.gch" $BUILD | tar -x -C "$0"';
    execFileSync('sh', ['-c', script, tree, ...without], { env: { ...process.env, BUILD: build } });
    for (const header of ['pch.h.gch', 'json_pch.h.gch'])
        symlinkSync(path.resolve(build, header), path.join(tree, build, header));
    const modules = 'tests/e2e/node_modules';
    if (existsSync(modules)) symlinkSync(path.resolve(modules), path.join(tree, modules));
    return tree;
}

function withoutDebugging(object) {
    execFileSync('strip', ['-g', '-o', `${object}.stripped`, object]);
    const bytes = readFileSync(`${object}.stripped`);
    rmSync(`${object}.stripped`);
    return bytes;
}

// ---- whether it is seen ----

const secondsOf = new Map(); // that each suite takes

// Whether the suites pass, up to the first error.
async function passes(tree, suites, { onLine = () => {}, url } = {}) {
    if (suites.length === 0) return true;
    let suite = suites[0];
    const see = (line) => {
        suite = line.match(/Entering test suite "(\w+)"/)?.[1] ?? suite;
        onLine(line);
        return / error: in "/.test(line) ? 'enough' : undefined;
    };
    const command = [`${build}/run_tests`, '--color_output=no', '--log_level=unit_scope', `--run_test=${suites.join(',')}`];
    if (url !== undefined) command.push('--run_test=!@sqlite');
    const limit = () => (url !== undefined ? 120 : 20) + 10 * (secondsOf.get(suite) ?? 60);
    const env = url !== undefined ? { SESSION_VOICE_TEST_URL: url } : {};
    return (await runAlone(tree, command, { onLine: see, limit, env })) === 0;
}

async function passesEndToEnd(tree, test) {
    const command = ['tests/e2e/run.sh', `tests/e2e/${test}.test.mjs`];
    return (await runAlone(tree, command, { limit: () => 300, limited: false })) === 0;
}

// Without a fault everything must pass, or nothing would be shown by what fails.
async function examineUnchanged(tree) {
    const learn = (line) => {
        const [, suite, microseconds] = line.match(/Leaving test suite "(\w+)"; testing time: (\d+)us/) ?? [];
        if (suite !== undefined) secondsOf.set(suite, Number(microseconds) / 1e6);
    };
    if (!(await passes(tree, ['*'], { onLine: learn }))) throw new Error('the tests fail without a fault');
}

const healthy = new Set(); // end-to-end tests that pass without a fault

async function examineEndToEnd(tree, tests) {
    for (const test of tests.filter((each) => !healthy.has(each))) {
        if (!(await passesEndToEnd(tree, test))) throw new Error(`${test}.test.mjs fails without a fault`);
        healthy.add(test);
    }
}

const isOfPostgresql = ({ file }) => file.includes('/postgresql/');
const programOf = (file) => programs.find(({ files: pattern }) => pattern.test(file));

async function isSeen(tree, fault) {
    const stem = path.parse(fault.file).name.replace(/^\d+_/, '').replace(/s$/, '');
    const suites = [...secondsOf.keys()].sort((one, other) => secondsOf.get(one) - secondsOf.get(other));
    const own = suites.filter((suite) => suite.startsWith(isOfPostgresql(fault) ? 'postgresql' : stem));
    const program = programOf(fault.file);
    if (program !== undefined) {
        if (/^cgi-bin\/(supervisor|connection_queue)/.test(fault.file)) {
            await link(tree, 'run_tests');
            if (!(await passes(tree, own))) return true;
        }
        await link(tree, program.program);
        for (const test of program.tests) if (!(await passesEndToEnd(tree, test))) return true;
        return false;
    }
    await link(tree, 'run_tests');
    const quick = suites.filter((suite) => !own.includes(suite) && secondsOf.get(suite) < 2);
    const slow = suites.filter((suite) => !own.includes(suite) && !quick.includes(suite));
    const url = isOfPostgresql(fault) ? serverOf(tree) : undefined;
    for (const some of [own, quick, slow]) if (!(await passes(tree, some, { url }))) return true;
    return false;
}

let onPostgresql; // whether it passes there without a fault

async function examineOnPostgresql(tree) {
    onPostgresql ??= passes(tree, ['*'], { url: serverOf(tree) });
    if (!(await onPostgresql)) throw new Error('the tests fail on PostgreSQL without a fault');
}

// undefined: no fault at all.
async function tryFault(tree, fault) {
    await examineEndToEnd(tree, programOf(fault.file)?.tests ?? []);
    if (isOfPostgresql(fault)) await examineOnPostgresql(tree);
    const source = path.join(tree, fault.file);
    const target = fault.file.endsWith('.sql') ? 'schema.o' : fault.file.replace(/\.cpp$/, '.o');
    const object = path.join(tree, build, target);
    const before = { text: readFileSync(source, 'utf8'), times: statSync(source) };
    copyFileSync(object, `${object}.before`);
    try {
        writeFileSync(source, withFault(before.text, fault));
        if ((await make(tree, target)) !== 0) return undefined;
        if (withoutDebugging(object).equals(withoutDebugging(`${object}.before`))) return undefined;
        return await isSeen(tree, fault);
    } finally {
        writeFileSync(source, before.text);
        utimesSync(source, before.times.atime, before.times.mtime);
        copyFileSync(`${object}.before`, object);
        rmSync(`${object}.before`);
    }
}

// ---- the sample ----

const trees = Array.from({ length: jobs }, (_, number) => copyTree(number));
for (const tree of trees) await link(tree, 'run_tests');
await examineUnchanged(trees[0]);

const equivalents = readEquivalents();
const find = ['lib', 'cgi-bin', 'cron', 'admin', 'schema', '-name', '*.cpp', '-o', '-name', '*.sql'];
const sources = files.length > 0 ? files : execFileSync('find', find, { encoding: 'utf8' }).trim().split('\n').sort();
const faults = drawn(sources.flatMap((file) => faultsIn(file, readFileSync(file, 'utf8'))));
const begun = performance.now();
const tally = { tried: 0, seen: 0, none: 0, equivalent: 0 };

async function work(tree) {
    while (tally.tried < Number(wanted)) {
        const { value: fault, done } = faults.next();
        if (done) return;
        const said = description(fault);
        if (equivalents.has(`${fault.file}\n${said}`)) {
            tally.equivalent += 1;
            continue;
        }
        if (isSuperseded(fault)) {
            tally.none += 1;
            continue;
        }
        tally.tried += 1; // whoever else looks meanwhile does not draw one too many
        const seen = await tryFault(tree, fault);
        if (seen === undefined) {
            tally.tried -= 1;
            tally.none += 1;
        } else if (seen) {
            tally.seen += 1;
        } else {
            const line = readFileSync(fault.file, 'utf8').slice(0, fault.at).split('\n').length;
            console.log(`survived: ${fault.file}:${line} (${fault.kind})\n${said}`);
        }
    }
}

// Also of a run that was ended.
process.on('exit', () => {
    const share = tally.tried === 0 ? 0 : tally.seen / tally.tried;
    const seconds = (performance.now() - begun) / 1000;
    console.log(
        `mutants: ${tally.seen} of ${tally.tried} seen (${(100 * share).toFixed(1)} %), seed ${seed}; besides ${tally.none} ` +
            `that changed nothing or did not compile and ${tally.equivalent} known to make no difference; ` +
            `${(seconds / tally.tried).toFixed(1)} s each`,
    );
});
await Promise.all(trees.map(work));
process.exitCode = tally.seen >= leastShare * tally.tried ? 0 : 1;
