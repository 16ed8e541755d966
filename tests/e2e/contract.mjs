// Holds every answer of the service against cgi-bin/openapi.json: a status, a header, a field or an error that the
// document does not have for the operation is a failure.
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export const document = JSON.parse(readFileSync(new URL('../../cgi-bin/openapi.json', import.meta.url), 'utf8'));

export const methods = ['get', 'post', 'put', 'patch', 'delete'];

// [path, method, operation]
export const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => [path, method, item[method]]),
);

// ---- schemas ----

// Clients are to ignore fields that they do not know; here, whoever adds one is to describe it. Every object lists all
// of its fields in one place, so that this is enough.
function closed(node) {
    if (Array.isArray(node)) return node.map(closed);
    if (node === null || typeof node !== 'object') return node;
    const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
    if (node.properties && node.required) copy.additionalProperties ??= false;
    return copy;
}

const ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true });
addFormats(ajv);
ajv.addVocabulary(Object.keys(document)); // at the top it is no schema; those within are compiled when first needed
ajv.addSchema(document, 'written', false, false);
ajv.addSchema(closed(document), 'closed', false, false);

const validators = new Map();

function validatorAt(base, pointer) {
    const place = `${base}#${pointer}`;
    if (!validators.has(place)) validators.set(place, ajv.compile({ $ref: encodeURI(place) }));
    return validators.get(place);
}

function assertValid(base, pointer, value, what) {
    const validate = validatorAt(base, pointer);
    assert.ok(validate(value), `${what}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
}

// The place that `pointer` means, through references.
function resolve(pointer) {
    let node = document;
    for (const key of pointer.split('/').slice(1)) node = node?.[key.replaceAll('~1', '/').replaceAll('~0', '~')];
    return node?.$ref ? resolve(node.$ref.slice(1)) : { node, pointer };
}

const below = (pointer, ...keys) =>
    [pointer, ...keys.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');

// ---- answers ----

// Headers of the protocol, and of the web server, which no operation describes.
const ofEveryAnswer = [
    ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'server', 'transfer-encoding'],
    ...['access-control-allow-origin', 'access-control-expose-headers', 'vary'],
    ...['accept-ranges', 'strict-transport-security', 'upgrade'],
];

// Made by the web server without asking the program, which puts an id on all that it says: a refusal, or what it has on
// port 80 beside HTTPS.
function isWebServers(rawPath, { status, headers, json }) {
    const statuses = [308, 400, 403, 404, 411, 413, 429, 431, 501, 502, 503, 504];
    if (rawPath.startsWith('/.well-known/')) statuses.push(200);
    return headers['x-request-id'] === undefined && json === undefined && statuses.includes(status);
}

const patterns = Object.keys(document.paths)
    .filter((path) => operations.some(([served]) => served === path))
    .sort((a, b) => a.includes('{') - b.includes('{')) // the literal ones come first
    .map((path) => [path, new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}/?$`)]);

// The path of the document that a raw one means.
function pathOf(rawPath) {
    const path = rawPath.split('?')[0];
    return patterns.find(([, pattern]) => pattern.test(path))?.[0];
}

const methodsOf = (path) => operations.filter(([known]) => known === path).map(([, method]) => method);

// Where the document says what may be answered: [the place of the response, a name for messages].
function responsePlace(method, rawPath, status, error) {
    const everywhere = (name) => resolve(below('', 'x-any-path', name)).pointer;
    if (method === 'OPTIONS') return [everywhere('OPTIONS'), 204];
    const path = pathOf(rawPath);
    const isSwitchedOff = /^\/(|operator|auth\/demo|metrics|agora\/events)$|^\/(web|service)\//.test(path) && error === 'not_found'; // then it is as unknown as any
    if (path === undefined || isSwitchedOff) return [everywhere('unknown'), 404];
    const known = method === 'HEAD' ? 'get' : method.toLowerCase();
    if (!methodsOf(path).includes(known)) return [everywhere('other methods'), 405];
    return [resolve(below('/paths', path, known, 'responses', String(status))).pointer, status];
}

function assertHeaders(place, response, headers, what) {
    const described = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase());
    for (const name of Object.keys(headers))
        assert.ok([...described, ...ofEveryAnswer].includes(name), `${what}: no header ${name}`);
    for (const name of Object.keys(response.headers ?? {})) {
        const { node, pointer } = resolve(below(place, 'headers', name));
        const text = headers[name.toLowerCase()];
        if (text === undefined) {
            assert.ok(!node.required, `${what}: ${name} is missing`);
            continue;
        }
        const schema = resolve(below(pointer, 'schema'));
        const isNumber = schema.node.type === 'integer' && /^\d+$/.test(text);
        assertValid('closed', schema.pointer, isNumber ? Number(text) : text, `${what}: ${name}`);
    }
}

// `rawPath` without the place that the service is mounted at; `sent` is the request's body as bytes, if it has one.
export function assertDescribed(method, rawPath, reply, sent) {
    if (isWebServers(rawPath, reply)) return;
    const { status, headers, text, json } = reply;
    const what = `${method} ${rawPath} answered ${status}`;
    const [place, expected] = responsePlace(method, rawPath, status, json?.error);
    const { node: response } = resolve(place);
    assert.ok(response !== undefined && status === expected, `${what}, which is not in openapi.json: ${text}`);
    for (const name of ['allow-origin', 'expose-headers'])
        assert.ok(headers[`access-control-${name}`], `${what} without access-control-${name}`);
    assertHeaders(place, response, headers, what);
    if (headers.allow !== undefined) {
        const allowed = methodsOf(pathOf(rawPath)).map((name) => name.toUpperCase());
        if (allowed.includes('GET')) allowed.push('HEAD');
        assert.deepEqual(headers.allow.split(', ').sort(), [...allowed, 'OPTIONS'].sort(), what);
    }
    const [type] = Object.keys(response.content ?? {});
    if (method === 'HEAD' || type === undefined) assert.equal(text, '', what);
    else assertValid('closed', below(place, 'content', type, 'schema'), json ?? text, what);
    if (type !== undefined) assert.equal(headers['content-type'].split(';')[0], type, what);

    // What is accepted is what the document tells clients to send.
    const path = pathOf(rawPath);
    if (method !== 'POST' || status !== 200 || !sent?.length) return;
    const { pointer } = resolve(below('/paths', path, 'post', 'requestBody'));
    const schema = below(pointer, 'content', 'application/json', 'schema');
    assertValid('written', schema, JSON.parse(sent), `the body of ${method} ${rawPath}`);
}

// The fields of what a client may send there: [name, whether a value is what the document says].
export function requestFields(path) {
    const content = below(resolve(below('/paths', path, 'post', 'requestBody')).pointer, 'content', 'application/json');
    let { node, pointer } = resolve(below(content, 'schema'));
    if (node.oneOf) ({ node, pointer } = resolve(below(pointer, 'oneOf', '0')));
    return Object.keys(node.properties ?? {}).map((name) => {
        const validate = validatorAt('written', below(pointer, 'properties', name));
        return [name, (value) => validate(value)];
    });
}

// That an answer has these fields. That it has no others than the document says, assertDescribed() has seen.
export function assertSays(answer, expected) {
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, answer[name]])), expected);
}

// Every example of the document, against the schema beside it; gives back how many there are.
export function assertExamplesValid() {
    const found = [];
    const walk = (node, pointer) => {
        if (node === null || typeof node !== 'object') return;
        if (node.schema && node.example !== undefined) found.push([pointer, node.example]);
        for (const [key, value] of Object.entries(node)) if (key !== 'example') walk(value, below(pointer, key));
    };
    walk(document, '');
    for (const [pointer, example] of found) assertValid('closed', below(pointer, 'schema'), example, pointer);
    return found.length;
}
