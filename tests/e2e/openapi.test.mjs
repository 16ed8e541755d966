// openapi.json itself: that it is served, well formed, complete, and good enough to make a client of. That the answers
// are what it says, every end-to-end test checks (contract.mjs).
import { createConfig, lint } from '@redocly/openapi-core';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { privateKeyToAccount } from 'viem/accounts';
import { assertDescribed, assertExamplesValid, document, operations } from './contract.mjs';
import { expect, ok, root, run, startService } from './service.mjs';

const file = path.join(root, 'cgi-bin/openapi.json');
const here = fileURLToPath(new URL('.', import.meta.url));
const client = path.join(here, 'client');
const bin = (name) => path.join(here, 'node_modules', '.bin', name);

// A path that the template stands for.
const example = (template) =>
    template.replace('{booking_id}', '7').replaceAll(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000');

describe('the document', () => {
    let service;
    before(async () => {
        service = await startService({
            settings: {
                METRICS_TOKEN: 'only-for-this-test',
                SERVICE_TOKEN: 'only-for-this-test-and-the-backend',
                AGORA_NOTIFICATION_SECRET: 'only-for-this-test',
            },
        });
    });
    after(() => service.stop());

    it('is served to everybody as it stands, with an ETag', async () => {
        const reply = await service.get('/openapi.json');
        assert.deepEqual(ok(reply), document);
        assert.equal(reply.text, readFileSync(file, 'utf8'));
        assert.equal(reply.headers['content-type'], 'application/json');
        assert.match(reply.headers['cache-control'], /max-age=\d+$/);
        const headers = { 'If-None-Match': reply.headers.etag };
        const unchanged = await service.get('/openapi.json', { headers });
        assert.deepEqual([unchanged.status, unchanged.text], [304, '']);
        const head = await service.request('HEAD', '/openapi.json');
        assert.deepEqual([head.status, head.headers.etag], [200, reply.headers.etag]);
        expect(await service.post('/openapi.json'), 405, 'method_not_allowed');
    });

    it('has the version of the program', () => {
        const [, version] = readFileSync(path.join(root, 'Makefile'), 'utf8').match(/version\.sh ([0-9.]+)\)$/m);
        assert.equal(document.info.version, version);
    });

    it('has every route of the program, and no other', () => {
        const source = readFileSync(path.join(root, 'cgi-bin/routes.cpp'), 'utf8');
        const [table] = source.match(/^constexpr Route routes\[\] = \{$.*?^\};$/ms);
        const rows = [...table.matchAll(/\{"([A-Z]+)", "([^"]+)"/g)];
        assert.equal(rows.length, table.match(/^ {4}\{/gm).length, 'a method and a path in each row');
        const shape = (at) => at.replaceAll(/:\w+|\{\w+\}/g, ':id');
        assert.deepEqual(
            rows.map(([, method, at]) => `${method} ${shape(at)}`).sort(),
            operations.map(([at, method]) => `${method.toUpperCase()} ${shape(at)}`).sort(),
        );
    });

    it('has what the running service knows', async () => {
        const known = new Set(operations.map(([at]) => at));
        for (const at of known) {
            // exchange() compares Allow with the document
            expect(await service.request('TRACE', example(at)), 405, 'method_not_allowed');
            assert.equal((await service.request('OPTIONS', example(at))).status, 204);
        }
    });

    it('describes what somebody in a room is answered who only reads', async () => {
        const host = await service.signedIn();
        const ids = { room_id: await host.host(), wallet: host.wallet, file: 'client.js' };
        const reads = operations.filter(([, method]) => method === 'get').map(([at]) => at);
        for (const at of reads) {
            const filled = at.replaceAll(/\{(\w+)\}/g, (_, id) => ids[id] ?? '7');
            // exchange() holds the answer against the document
            const { status } = await service.get(filled, { token: host.token });
            const isForPrograms = at.startsWith('/service/') || at === '/metrics';
            if (!isForPrograms) assert.equal(status, 200, at);
        }
        ok(await host.leave());
    });

    it('is accepted by a linter', async () => {
        // No licence has been published.
        const config = await createConfig({ extends: ['recommended'], rules: { 'info-license': 'off' } });
        // It does not look into x-any-path.
        const ofAnyPath = Object.values(document['x-any-path']).map(({ $ref }) => $ref);
        const isUsed = ({ ruleId, location }) =>
            ruleId === 'no-unused-components' && ofAnyPath.includes(location[0].pointer);
        const problems = (await lint({ ref: file, config })).filter((problem) => !isUsed(problem));
        assert.deepEqual(
            problems.map(({ severity, ruleId, message, location }) => [
                severity,
                ruleId,
                message,
                location[0]?.pointer,
            ]),
            [],
        );
    });

    // Clients in Kotlin, Java or Go read an integer without a format into 32 bits.
    it('says of every integer how many bits it takes', () => {
        const bounds = { int32: 2 ** 31 - 1, int64: Number.MAX_SAFE_INTEGER };
        let found = 0;
        const walk = (node, at) => {
            if (node === null || typeof node !== 'object') return;
            const types = [node.type].flat();
            assert.ok(!types.includes('number'), at);
            if (types.includes('integer')) {
                found += 1;
                assert.ok(node.format in bounds, `${at} has the format ${node.format}`);
                for (const bound of [node.minimum, node.maximum, node.default])
                    assert.ok(Math.abs(bound ?? 0) <= bounds[node.format], `${at}: ${bound} is no ${node.format}`);
            }
            for (const [key, value] of Object.entries(node)) walk(value, `${at}/${key}`);
        };
        walk(document, '');
        assert.ok(found >= 14, `${found}`);
        assert.equal(document.components.schemas.AgoraUid.format, 'int32');
        assert.equal(document.components.schemas.Seconds.format, 'int64');
    });

    it('has examples that are what it says', () => assert.ok(assertExamplesValid() >= 27));

    it('makes a client that type-checks and goes the whole way', async () => {
        const schema = path.join(client, 'schema.d.ts');
        const made = await run(bin('openapi-typescript'), [file, '-o', schema], { cwd: here });
        assert.equal(made.code, 0, made.stderr);
        const checked = await run(bin('tsc'), ['--project', client], { cwd: here });
        assert.equal(checked.code, 0, checked.stdout);

        const source = readFileSync(path.join(client, 'flow.ts'), 'utf8');
        const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
        const folder = path.join(here, 'node_modules', '.client'); // from where it finds what it imports
        mkdirSync(folder, { recursive: true });
        writeFileSync(
            path.join(folder, 'flow.mjs'),
            ts.transpileModule(source, { compilerOptions: options }).outputText,
        );
        const { flow } = await import(pathToFileURL(path.join(folder, 'flow.mjs')));
        const account = privateKeyToAccount(`0x${'5a'.repeat(32)}`);
        const seat = await flow(`http://127.0.0.1:${service.port}`, account);
        assert.equal(seat.host_wallet, account.address.toLowerCase());
    });
});

// What every other test relies on.
describe('an answer that the document does not have', () => {
    const headers = {
        'access-control-allow-origin': '*',
        'access-control-expose-headers': 'ETag',
        'cache-control': 'no-store',
        'content-type': 'application/json',
        'x-request-id': '1',
    };
    const check = (method, at, status, json, more = {}) =>
        assertDescribed(method, at, { status, json, text: JSON.stringify(json), headers: { ...headers, ...more } });
    const nonce = '0'.repeat(64);
    const cached = { 'cache-control': 'no-cache', etag: '"0"' };
    const listing = (participant_count) => {
        const room = { room_id: '01234567-89ab-4def-8123-456789abcdef', title: null, capacity: 6, participant_count };
        return { rooms: [{ ...room, host_wallet: `0x${'0'.repeat(40)}`, created_at: '2026-01-01T00:00:00.000Z' }] };
    };

    it('is told from one that it has', () => {
        check('POST', '/auth/nonce', 200, { nonce });
        check('POST', '/auth/nonce/?x=1', 400, { error: 'missing wallet' });
        check('POST', '/nowhere', 404, { error: 'not_found' });
        check('DELETE', '/auth/nonce', 405, { error: 'method_not_allowed' }, { allow: 'POST, OPTIONS' });
        check('GET', '/health', 503, { ok: false, error: 'database_unavailable' }, { 'retry-after': '1' });
        check('GET', '/rooms/active', 200, listing(2 ** 31 - 1), cached);
    });

    const wrong = {
        'an unknown field': ['POST', '/auth/nonce', 200, { nonce, more: 1 }],
        'an integer beyond its bits': ['GET', '/rooms/active', 200, listing(2 ** 31), cached],
        'a field of another type': ['POST', '/auth/nonce', 200, { nonce: 1 }],
        'a missing field': ['POST', '/auth/nonce', 200, {}],
        'an unknown error': ['POST', '/auth/nonce', 400, { error: 'missing room_id' }],
        "another error's field": ['POST', '/rooms/join', 409, { error: 'room_full', room_id: nonce }],
        'an unknown status': ['POST', '/auth/nonce', 418, { error: 'missing wallet' }],
        "another operation's status": ['POST', '/auth/nonce', 404, { error: 'room_not_found' }],
        'something at an unknown path': ['POST', '/nowhere', 200, {}],
        'something for an unknown method': ['PUT', '/auth/nonce', 200, { nonce }],
        'another Allow': ['PUT', '/auth/nonce', 405, { error: 'method_not_allowed' }, { allow: 'PUT, OPTIONS' }],
        'an unknown header': ['POST', '/auth/nonce', 200, { nonce }, { 'x-more': '1' }],
        'a missing header': ['GET', '/health', 503, { ok: false, error: 'database_unavailable' }],
        'a header of another form': ['POST', '/auth/nonce', 200, { nonce }, { 'cache-control': 'public' }],
        'another content type': ['POST', '/auth/nonce', 200, { nonce }, { 'content-type': 'text/json' }],
        'no CORS header': ['POST', '/auth/nonce', 200, { nonce }, { 'access-control-allow-origin': undefined }],
        'a body to HEAD': ['HEAD', '/health', 200, { ok: true }],
    };
    for (const [what, answer] of Object.entries(wrong))
        it(`has ${what}`, () => assert.throws(() => check(...answer), assert.AssertionError));
});
