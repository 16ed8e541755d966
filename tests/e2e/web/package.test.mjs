// The client library as a package: what is in it, its size, its types, and the program that the README shows.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { root, run, startService, temporaryFolder, until } from '../service.mjs';
import { require } from './pages.mjs';

const ts = require('typescript');
const web = path.join(root, 'cgi-bin/web');
const modules = ['client.js', 'environment.js', 'http.js', 'places.js', 'stay.js', 'wallet.js'];
const mostBytes = 12 * 1024;
const mostLines = 15;
const key = `0x${'5e55'.repeat(16)}`;

describe('the package', () => {
    it('has what is needed, and nothing else', async () => {
        const { stdout, stderr, code } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: web });
        assert.equal(code, 0, stderr);
        const [{ name, files }] = JSON.parse(stdout);
        assert.equal(name, 'session-voice-client');
        const wanted = [...modules, 'client.d.ts', 'agora.js', 'agora.d.ts', 'README.md', 'package.json'].sort();
        assert.deepEqual(files.map((file) => file.path).sort(), wanted);
    });

    it('is small', (t) => {
        const text = modules.map((name) => readFileSync(path.join(web, name))).join('');
        const { length } = gzipSync(text, { level: 9 });
        t.diagnostic(`${length} bytes compressed`);
        assert.ok(length <= mostBytes, `${length} bytes`);
    });

    it('has the version of the service', () => {
        const { version } = JSON.parse(readFileSync(path.join(web, 'package.json'), 'utf8'));
        assert.equal(version, JSON.parse(readFileSync(path.join(root, 'cgi-bin/openapi.json'), 'utf8')).info.version);
    });
});

// A folder of a program that has the package, and what the program needs besides.
function folderWith(program, name) {
    const folder = temporaryFolder();
    const packages = path.join(folder, 'node_modules');
    mkdirSync(packages);
    symlinkSync(web, path.join(packages, 'session-voice-client'));
    for (const each of ['viem', 'agora-rtc-sdk-ng'])
        symlinkSync(path.join(root, 'tests/e2e/node_modules', each), path.join(packages, each));
    writeFileSync(path.join(folder, name), program);
    return { file: path.join(folder, name), remove: () => rmSync(folder, { recursive: true }) };
}

describe('the types', () => {
    // What tsc says of a program, strictly.
    function problemsOf(program) {
        const { file, remove } = folderWith(program, 'program.mts');
        const options = {
            strict: true,
            noEmit: true,
            skipLibCheck: false,
            types: [],
            lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
            module: ts.ModuleKind.ESNext,
            moduleResolution: ts.ModuleResolutionKind.Bundler, // as with Agora's SDK, which needs one
            target: ts.ScriptTarget.ES2022,
        };
        const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
        remove();
        const isOurs = ({ file: where }) => !where?.fileName.includes('agora-rtc-sdk-ng');
        const tell = ({ file: where, start, messageText }) => [
            where?.getLineAndCharacterOfPosition(start).line,
            ts.flattenDiagnosticMessageText(messageText, '\n'),
        ];
        return found.filter(isOurs).map(tell);
    }

    const uses = readFileSync(new URL('uses.mts', import.meta.url), 'utf8');

    const wrong = [
        'new Client({}); // without a url',
        "stay.on('lots', () => {}); // no such event",
        'stay.seat.token; // no such field',
        'await client.signIn({}); // no provider',
        'client.join(7); // no id',
    ];

    it('fit a program that uses everything, and refuse what is wrong', () => {
        const first = uses.split('\n').length;
        const lines = problemsOf([uses, ...wrong].join('\n'));
        assert.deepEqual(
            lines.map(([line]) => line),
            wrong.map((_, index) => first + index),
            JSON.stringify(lines),
        );
    });

    it('name all that the modules have, and nothing that they have not', async () => {
        const { Client, ServiceError, Stay, ...others } = await import(path.join(web, 'client.js'));
        assert.deepEqual(Object.keys(others), ['discoverWallets']);
        const internal = ['constructor', 'open', 'signedOut', 'emit', 'on'];
        const declared = readFileSync(path.join(web, 'client.d.ts'), 'utf8');
        for (const [name, type] of Object.entries({ Client, Stay })) {
            const body = declared.match(new RegExp(`class ${name} [^]*?\n}`))[0];
            const named = [...body.matchAll(/^ {4}(?:readonly )?(\w+)[(:]/gm)].map(([, member]) => member);
            const known = Object.getOwnPropertyNames(type.prototype).filter((member) => !internal.includes(member));
            assert.deepEqual(named.filter((member) => member !== 'constructor').sort(), known.sort());
        }
        assert.equal(new ServiceError(404, 'room_not_found').code, 'room_not_found');
    });
});

describe('the program of the README', () => {
    let service;
    before(async () => {
        service = await startService({ settings: { RENEW_AFTER_SECONDS: '2' } });
    });
    after(() => service.stop());

    it(`has at most ${mostLines} lines, signs in, creates a room, stays there, and leaves`, async () => {
        const manual = readFileSync(path.join(root, 'cgi-bin/README.md'), 'utf8');
        const section = manual.split('\n## The client library\n')[1].split('\n## ')[0];
        const program = section
            .match(/(?:^ {4}.*\n|^\n(?= {4}))+/m)[0]
            .replaceAll(/^ {4}/gm, '')
            .trim();
        assert.ok(program.split('\n').length <= mostLines, program);
        const { file, remove } = folderWith(program, 'program.mjs');
        const env = { PATH: process.env.PATH, PRIVATE_KEY: key, SERVICE: `http://127.0.0.1:${service.port}/` };
        const child = spawn(process.execPath, [file], { env });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
            stream.setEncoding('utf8').on('data', (text) => (said += text));
        const exit = new Promise((resolve) => child.on('exit', resolve));
        const rooms = async () => (await service.get('/rooms/active')).json.rooms;
        const isIn = async () => (await rooms()).some((room) => room.participant_count === 1);
        await until(async () => (await isIn()) || child.exitCode !== null, 'it is in the room');
        await until(() => /for renewToken: \d+/.test(said) || child.exitCode !== null, 'it has another token');
        assert.equal(child.exitCode, null, said);
        child.kill('SIGINT');
        assert.equal(await exit, 0, said);
        assert.match(said, /left/);
        assert.deepEqual(await rooms(), []);
        remove();
    });
});
