// What bodies, tokens, signatures and ids can be that they should not. For what a row is, see http.mjs.
import { createHmac } from 'node:crypto';
import { requestFields } from '../contract.mjs';
import { accounts, bookingId, now, secret, vectors } from './world.mjs';

const unknownId = '00000000-0000-4000-8000-000000000000';
const sqlPieces = [
    "' OR '1'='1",
    "'; DROP TABLE rooms; --",
    '1 UNION SELECT nonce FROM spent_nonces --',
    "x' AND (SELECT count(*) FROM credit_accounts) > 0 --",
    '" OR ""="',
    "\\'; DELETE FROM credit_events; --",
    "%' OR wallet LIKE '%",
    ':wallet',
    '?1',
];
const linePieces = [
    '\r\nX-Injected: hush',
    '\nSet-Cookie: hush=1',
    '\r\rSet-Cookie: hush=1',
    '%0d%0aX-Injected:%20hush',
    '\u2028X-Injected: hush',
    '嘊嘍X-Injected: hush',
];

// ---- JSON ----

// What a good request has.
const endpoints = (world) => {
    const seat = { room_id: world.roomId, connection_id: world.host.seat.connection_id };
    const signed = { wallet: world.nobody.wallet, signature: world.spentSignature, nonce: world.nonces[0] };
    const missing = 'missing room_id or connection_id';
    return [
        { path: '/auth/nonce', good: { wallet: world.nobody.wallet }, missing: 'missing wallet' },
        { path: '/auth/verify', good: signed, missing: 'missing wallet, signature, or nonce' },
        {
            path: '/rooms/create',
            as: 'stranger',
            good: { visibility: 'open', ai_enabled: false, title: 'x', capacity: 6 },
        },
        { path: '/rooms/join', as: 'stranger', good: { room_id: world.closedRoomId }, missing: 'missing room_id' },
        { path: '/rooms/heartbeat', as: 'host', good: seat, missing },
        { path: '/rooms/token/renew', as: 'host', good: seat, missing },
        { path: '/rooms/leave', as: 'host', good: seat, missing },
        { path: '/session/join', as: 'stranger', good: { booking_id: bookingId }, missing: 'missing booking_id' },
    ];
};
const types = {
    number: 7,
    negative: -1,
    float: 1.5,
    huge: 1e300,
    true: true,
    array: [],
    'array of itself': ['x'],
    object: {},
    nested: { $ne: null },
};

export function json(world) {
    const rows = [];
    for (const { path, as, good, missing } of endpoints(world)) {
        const post = (name, body, answered) =>
            rows.push([`${path}: ${name}`, { method: 'POST', path, as, body }, answered]);
        for (const [field, isGood] of requestFields(path)) {
            for (const [type, value] of Object.entries(types))
                if (type === 'huge' || !isGood(value))
                    post(`${field} as ${type}`, { ...good, [field]: value }, `400 invalid ${field}`);
            if (missing === undefined) continue;
            const { [field]: _, ...rest } = good;
            post(`no ${field}`, rest, `400 ${missing}`);
            post(`${field} null`, { ...good, [field]: null }, `400 ${missing}`);
            post(`${field} empty`, { ...good, [field]: '' }, `400 ${missing}`);
        }
        for (const [name, body] of Object.entries({
            'an array': '[]',
            'a string': '"x"',
            null: 'null',
            'a number': '1',
            true: 'true',
            nothing: ' ',
            brackets: '{}}',
            NUL: `${JSON.stringify(good)}\0`,
        }))
            post(name, body, '400 invalid_json');
    }
    for (const path of ['/credits/verify-celo', `/session/${bookingId}/leave`, `/session/${bookingId}/attest`])
        for (const body of ['[]', '{', 'null', '{"x":1,"x":2}', '{}x', '\xff', '{"x":"\\ud800"}', '['.repeat(9000)]) {
            const headers = path.endsWith('attest') ? [['X-Service-Token', world.serviceToken]] : [];
            const as = headers.length === 0 ? 'guest' : undefined;
            const name = `${path}: ${JSON.stringify(body.slice(0, 20))}`;
            rows.push([
                name,
                { method: 'POST', path, as, headers, body: Buffer.from(body, 'latin1') },
                '400 invalid_json',
            ]);
        }
    addBackend(rows, world);
    addTexts(rows, world);
    return rows;
}

// What the application's backend sends, and what others send to its paths.
function addBackend(rows, world) {
    const { wallet } = world.nobody;
    const headers = [['X-Service-Token', world.backendToken]];
    const grant = { wallet, seconds: 60, reference: 'p', reason: 'x' };
    const to = (name, method, path, body, answered, sent = headers) =>
        rows.push([`${path}: ${name}`, { method, path, as: undefined, headers: sent, body }, answered]);
    const at = '/service/credits/grant';
    for (const [field, value] of Object.entries(grant)) {
        for (const [type, other] of Object.entries(types)) {
            if (typeof other === typeof value && type === 'number') continue;
            to(`${field} as ${type}`, 'POST', at, { ...grant, [field]: other }, `400 invalid ${field}`);
        }
    }
    const ban = `/service/wallets/${wallet}/ban`;
    for (const text of ['[]', '{', 'null', '{"x":1,"x":2}', '{}x', '{"x":"\\ud800"}', '['.repeat(9000)]) {
        to(JSON.stringify(text.slice(0, 20)), 'POST', at, text, '400 invalid_json');
        to(JSON.stringify(text.slice(0, 20)), 'PUT', ban, text, '400 invalid_json');
    }
    for (const token of ['', 'x', world.serviceToken, `${world.backendToken}x`, world.backendToken.slice(1), world.host.token])
        to(`the token ${token.slice(0, 9)}`, 'POST', at, grant, '403 forbidden', [['X-Service-Token', token]]);
    to('no token', 'POST', at, grant, '403 forbidden', []);
    to('no wallet', 'PUT', '/service/wallets/0x/ban', { reason: 'x' }, '400 invalid wallet');
    for (const query of ['from=2026-02-30&to=2026-03-01', 'from=x&to=x', 'from=2026-01-01T&to=2026-01-01'])
        to(query, 'GET', `/service/usage?${query}`, undefined, '400 invalid from');
    to('a year and a day', 'GET', '/service/usage?from=2026-01-01&to=2027-01-02', undefined, '400 invalid to');
    to('a cursor', 'GET', "/service/rooms?cursor='OR'1", undefined, '400 invalid cursor');
}

// Texts that are no JSON, and JSON that no reader should trust, to the endpoint that would make a room of them.
function addTexts(rows, world) {
    const create = (name, body, answered = '400 invalid_json') =>
        rows.push([name, { method: 'POST', path: '/rooms/create', as: 'stranger', body }, answered]);
    const nested = (depth, open, close, inner) => open.repeat(depth) + inner + close.repeat(depth);
    for (const depth of [33, 100, 1000, 8000]) create(`arrays ${depth} deep`, `{"x":${nested(depth, '[', ']', '')}}`);
    for (const depth of [33, 100, 2700]) create(`objects ${depth} deep`, nested(depth, '{"a":', '}', '1'));
    create('arrays 16000 deep, never closed', '['.repeat(16_000));
    create('objects 3000 deep, never closed', '{"a":'.repeat(3000));
    const open = {
        '-0': '-0',
        0: '0',
        '1e400': '1e400',
        '-1e400': '-1e400',
        '1e-400': '1e-400',
        '2^63': '9223372036854775808',
        '2^64': '18446744073709551616',
        '2^64 + 6': '18446744073709551622',
        '2^32 + 6': '4294967302',
        '400 digits': '9'.repeat(400),
        '6.0': '6.0',
        '6e0': '6e0',
        '-6': '-6',
        7: '7',
        1: '1',
    };
    for (const [name, number] of Object.entries(open))
        create(
            `capacity ${name}`,
            `{"capacity":${number}}`,
            /e400|400 digits/.test(name) && !name.startsWith('1e-') ? '400 invalid_json' : '400 invalid capacity',
        );
    for (const number of ['+6', '06', '0x6', '.6', '6.', '6e', '6_0', 'NaN', 'Infinity', '-Infinity', '-', '٦'])
        create(`capacity as ${number}`, `{"capacity":${number}}`);
    create('a key twice', '{"visibility":"open","visibility":"private"}');
    create('a key twice, once escaped', '{"visibility":"open","visib\\u0069lity":"private"}');
    create('a key twice, within', '{"x":{"a":1,"a":2}}');
    create('an empty key twice', '{"":1,"":2}');
    const inTitle = (bytes) => Buffer.concat([Buffer.from('{"title":"'), Buffer.from(bytes), Buffer.from('"}')]);
    const broken = {
        'overlong slash': [0xc0, 0xaf],
        'overlong NUL': [0xc0, 0x80],
        'overlong in three': [0xe0, 0x80, 0xaf],
        'overlong in four': [0xf0, 0x80, 0x80, 0xaf],
        'a surrogate': [0xed, 0xa0, 0x80],
        'two surrogates': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
        'over U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
        'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80],
        'a lone continuation': [0x80],
        'cut short': [0xe2, 0x82],
        'Latin-1': [0xe9],
        FF: [0xff],
        FE: [0xfe, 0xff],
        'a raw NUL': [0],
        'a raw line break': [10],
        'a raw tab': [9],
        'a raw escape': [27],
    };
    for (const [name, bytes] of Object.entries(broken)) create(`UTF-8: ${name}`, inTitle(bytes));
    for (const escape of [
        '\\ud800',
        '\\udc00',
        '\\ud800x',
        '\\ud800\\ud800',
        '\\udc00\\ud800',
        '\\u',
        '\\u12',
        '\\uzzzz',
        '\\x41',
        "\\'",
        '\\0',
        '\\U0041',
    ])
        create(`escape ${escape}`, `{"title":"${escape}"}`);
    for (const escape of ['\\u0000', '\\n', '\\u001b', '\\u007f', '\\u0085', '\\u2028', '\\u202e', '\\u2066'])
        create(`title with ${escape}`, `{"title":"a${escape}b"}`, '400 invalid title');
    create('a title of 81 characters', { title: 'x'.repeat(81) }, '400 invalid title');
    create('a title of 16 kB', { title: 'x'.repeat(16_000) }, '400 invalid title');
    create('a title of 81 wide characters', { title: '𝔘'.repeat(81) }, '400 invalid title');
    create('BOM', '\ufeff{"visibility":"open"}');
    create('UTF-16', Buffer.from('{"visibility":"open"}', 'utf16le'));
    create('UTF-16 with a BOM', Buffer.from('\ufeff{"visibility":"open"}', 'utf16le'));
    const texts = {
        'a comment': '{/**/}',
        'a comment behind': '{}//',
        'a hash': '{}#',
        'text behind': '{} x',
        'two objects': '{}{}',
        'a comma behind': '{"x":1,}',
        'a comma before': '{,"x":1}',
        'no colon': '{"x" 1}',
        'no value': '{"x":}',
        'no quotes': '{x:1}',
        'single quotes': "{'x':1}",
        'a cut string': '{"x":"',
        'a number key': '{1:1}',
        'a null key': '{null:1}',
        True: '{"x":True}',
        undefined: '{"x":undefined}',
        function: '{"x":function(){}}',
        'form data': 'visibility=open',
        XML: '<visibility>open</visibility>',
        YAML: 'visibility: open',
        multipart: '--x\r\nContent-Disposition: form-data; name="visibility"\r\n\r\nopen\r\n--x--',
        'a vertical tab': '{\v}',
        'a form feed': '{\f}',
        'no-break space': '{\u00a0}',
        'concatenated ends': '{}]',
        'JSON lines': '{"visibility":"open"}\n{"visibility":"open"}',
    };
    for (const [name, body] of Object.entries(texts)) create(name, body);

    // What is odd and yet JSON, where nothing can come of it.
    const beat = (name, more, answered = '200') => {
        const { room_id, connection_id } = world.host.seat;
        const body = `{"room_id":"${room_id}","connection_id":"${connection_id}"${more}}`;
        rows.push([name, { method: 'POST', path: '/rooms/heartbeat', as: 'host', body }, answered]);
    };
    beat(
        'fields that nobody knows',
        ',"wallet":"0x00","is_admin":true,"remaining_seconds":1e9,"__proto__":{"x":1},"constructor":null',
    );
    beat('31 deep', `,"x":${nested(30, '[', ']', '')}`);
    beat('a long array', `,"x":[${'0,'.repeat(7900)}0]`);
    beat(
        'two thousand keys',
        `,${Array.from({ length: 2000 }, (_, i) => `"k${i}":0`).join()}`.slice(0, 16_000).replace(/,[^,]*$/, ''),
    );
    beat('numbers of every size', `,"a":-0,"b":1e-400,"c":18446744073709551616,"d":${'9'.repeat(300)},"e":1e308`);
    beat('a number beyond every double', ',"x":1e400', '400 invalid_json');
    beat('keys escaped', ',"\\u0000":1,"\\ud83d\\ude00":2');
    beat('the name of a field in capitals', `,"Room_Id":"${unknownId}"`);
    beat('blanks of JSON around it', ` ${'\t\r\n '.repeat(1000)}`);
    for (const value of [`${bookingId}.0`, `1e9`, '18446744073709551616', '-1', '1.5'])
        rows.push([
            `booking_id as ${value}`,
            { method: 'POST', path: '/session/join', as: 'stranger', body: `{"booking_id":${value}}` },
            '400 invalid booking_id',
        ]);
    for (const value of [
        '-1',
        '+1',
        '1e9',
        '0x10',
        '1.0',
        '1 2',
        '１２',
        'abc',
        (2n ** 256n).toString(),
        '9'.repeat(15_000),
    ])
        rows.push([
            `booking_id "${value.slice(0, 20)}"`,
            { method: 'POST', path: '/session/join', as: 'stranger', body: { booking_id: value } },
            '400 invalid booking_id',
        ]);
    const wallet = world.nobody.wallet;
    for (const bad of [
        wallet.slice(2),
        wallet.slice(0, -1),
        `${wallet}0`,
        wallet.replace('0x', '0X'),
        ` ${wallet}`,
        `${wallet} `,
        `${wallet}\n`,
        `${wallet.slice(0, -1)}g`,
        `${wallet.slice(0, -1)}\u0000`,
        `0x${'０'.repeat(40)}`,
        'vitalik.eth',
        `0x0x${wallet.slice(4)}`,
        'x'.repeat(10_000),
    ])
        rows.push([
            `wallet ${JSON.stringify(bad.slice(0, 50))} of ${bad.length}`,
            { method: 'POST', path: '/auth/nonce', body: { wallet: bad } },
            '400 invalid wallet',
        ]);
    for (const bad of [
        world.roomId.replaceAll('-', ''),
        `{${world.roomId}}`,
        ` ${world.roomId}`,
        `${world.roomId}\u0000`,
        `${world.roomId}x`,
        `urn:uuid:${world.roomId}`,
        world.roomId.replace('-', '\u2010'),
        '../active',
        '*',
        '%',
    ])
        rows.push([
            `room_id ${JSON.stringify(bad.replace(world.roomId, 'ROOM').slice(0, 20))} of ${bad.length}`,
            { method: 'POST', path: '/rooms/join', as: 'stranger', body: { room_id: bad } },
            '404 room_not_found',
        ]);
}

// ---- access tokens ----

const base64url = (value) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const mac = (text, key = secret, hash = 'sha256') => createHmac(hash, key).update(text).digest('base64url');
function token(header, claims, { key, hash } = {}) {
    const text = `${base64url(header)}.${base64url(claims)}`;
    return `${text}.${mac(text, key, hash)}`;
}

export function tokens(world) {
    const rows = [];
    const credits = (name, authorization, answered = '401 unauthorized') =>
        rows.push([name, { method: 'GET', path: '/credits', headers: [['Authorization', authorization]] }, answered]);
    const bearer = (name, text, answered) => credits(name, `Bearer ${text}`, answered);

    for (const { why, token: whole, recipe, expected } of vectors) {
        const text = whole ?? recipe.prefix + recipe.repeat.repeat(recipe.count);
        const isForbidden = /[\0\n]/.test(text) || text.length > 8000; // the web server refuses it itself
        // Blanks around a header's value are not part of it.
        const isTrimmed = text.trim() !== text && !/\0/.test(text);
        bearer(
            `vector: ${why}`,
            text,
            expected === 'valid'
                ? '200'
                : isForbidden || isTrimmed
                  ? '400|431|401 unauthorized|200'
                  : '401 unauthorized',
        );
        if (isForbidden && !isTrimmed) rows.at(-1)[2] = '400|431|401 unauthorized';
        // The line ends there, and so does the head; a request without a method follows.
        if (text.endsWith('\n')) rows.at(-1)[2] = [['200', '400'], ['400']];
    }

    const header = { alg: 'HS256', typ: 'JWT' };
    const claims = { sub: world.member.wallet, iat: now, exp: now + 3600 };
    const good = token(header, claims);
    const [head, payload, signature] = good.split('.');
    bearer('ours', good, '200');
    for (const alg of [
        'none',
        'None',
        'NONE',
        'HS384',
        'HS512',
        'RS256',
        'ES256',
        'EdDSA',
        'hs256',
        'HS256 ',
        ' HS256',
        'HS256\0',
        'H\u017f256',
        '',
        null,
        256,
        true,
        ['HS256'],
        { alg: 'HS256' },
    ]) {
        bearer(`alg ${JSON.stringify(alg)}, signed`, token({ ...header, alg }, claims));
        bearer(`alg ${JSON.stringify(alg)}, no signature`, `${base64url({ ...header, alg })}.${payload}.`);
    }
    bearer('alg HS384, signed so', token({ ...header, alg: 'HS384' }, claims, { hash: 'sha384' }));
    bearer('alg HS512, signed so', token({ ...header, alg: 'HS512' }, claims, { hash: 'sha512' }));
    bearer('alg HS256, signed with SHA-512', token(header, claims, { hash: 'sha512' }));
    bearer('no alg', token({ typ: 'JWT' }, claims));
    bearer('alg twice, the first none', token('{"alg":"none","alg":"HS256"}', claims));
    bearer('alg twice, the second none', token('{"alg":"HS256","alg":"none"}', claims));
    bearer('Alg', token({ Alg: 'HS256' }, claims));
    const injected = {
        kid: ['/dev/null', '../../../../dev/null', "' UNION SELECT 'x", '0', 'key|id'],
        jku: ['http://127.0.0.1:1/jwks'],
        x5u: ['http://127.0.0.1:1/x.pem'],
        jwk: [{ kty: 'oct', k: base64url('x') }],
        x5c: [['MIIB']],
    };
    for (const [name, values] of Object.entries(injected))
        for (const value of values) {
            const theirs = { ...header, [name]: value };
            for (const [which, key] of [
                ['nothing', ''],
                ['x', 'x'],
                ['a NUL', '\0'],
                ['its value', String(value)],
            ])
                bearer(`${name} ${JSON.stringify(value)}, signed with ${which}`, token(theirs, claims, { key }));
        }
    bearer('kid, signed by us', token({ ...header, kid: '/dev/null' }, claims, {}), '200');
    for (const crit of [['exp'], [], ['b64'], 'exp', null])
        bearer(`crit ${JSON.stringify(crit)}`, token({ ...header, crit }, claims));
    bearer('b64 false', token({ ...header, b64: false, crit: ['b64'] }, claims));
    bearer('nested', token({ ...header, cty: 'JWT' }, good));
    bearer('zip', token({ ...header, zip: 'DEF' }, 'x'));
    for (const key of [
        '',
        'secret',
        `${secret}x`,
        secret.slice(0, -1),
        secret.toUpperCase(),
        Buffer.from(secret).toString('base64'),
        Buffer.from(secret).toString('hex'),
        world.serviceToken,
        world.member.wallet,
    ])
        bearer(`signed with ${JSON.stringify(key.slice(0, 12))} of ${key.length}`, token(header, claims, { key }));

    const lastBits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const place = lastBits.indexOf(signature.at(-1));
    for (const bits of [1, 2, 3])
        bearer(
            `signature with stray low bits ${bits}`,
            `${head}.${payload}.${signature.slice(0, -1)}${lastBits[place ^ bits]}`,
        );
    const spellings = {
        'no signature': `${head}.${payload}.`,
        'no second dot': `${head}.${payload}`,
        'no payload': `${head}..${signature}`,
        'only dots': '..',
        'four segments': `${good}.x`,
        'a dot behind': `${good}.`,
        'two dots behind': `${good}..`,
        'a dot before': `.${good}`,
        'padding behind': `${good}=`,
        'more padding': `${good}==`,
        'a blank within': `${head}. ${payload}.${signature}`,
        'a tab within': `${head}.\t${payload}.${signature}`,
        'a plus': `${good.slice(0, -3)}+${good.slice(-2)}`,
        'a slash': `${good.slice(0, -3)}/${good.slice(-2)}`,
        'a percent': `${good.slice(0, -3)}%2d${good.slice(-2)}`,
        quotes: `"${good}"`,
        'a comma behind': `${good},`,
        'a semicolon behind': `${good};x=y`,
        twice: `${good}${good}`,
        'twice with a blank': `${good} ${good}`,
        'without the last character': good.slice(0, -1),
        'in capitals': good.toUpperCase(),
        'signature of zeros': `${head}.${payload}.${'A'.repeat(43)}`,
        'signature of 33 bytes': `${head}.${payload}.${signature}AA`,
        'another header': `${base64url({ alg: 'HS256' })}.${payload}.${signature}`,
        'another payload': `${head}.${base64url({ ...claims, sub: world.host.wallet })}.${signature}`,
        'the parts exchanged': `${payload}.${head}.${signature}`,
        'JSON serialization': JSON.stringify({ payload, protected: head, signature }),
        '4100 bytes': token(header, { ...claims, x: 'x'.repeat(2925) }),
        'one letter': 'x',
    };
    for (const [name, text] of Object.entries(spellings)) bearer(`spelling: ${name}`, text);

    const claim = (name, value, answered) =>
        bearer(`${name} ${JSON.stringify(value) ?? 'missing'}`, token(header, { ...claims, [name]: value }), answered);
    for (const value of [
        now,
        now - 1,
        0,
        -1,
        -1e300,
        String(now + 3600),
        '',
        null,
        true,
        [now + 3600],
        { exp: now + 3600 },
        undefined,
        2 ** 53 + 2,
        1e300,
    ])
        claim('exp', value);
    claim('exp', now + 0.5, '200'); // a NumericDate may have a fraction
    claim('exp', now + 1, '200');
    claim('exp', 2 ** 53, '200');
    for (const raw of [
        '1e400',
        '-1e400',
        '1e-400',
        'NaN',
        '18446744073709551616',
        '-0',
        '0x7fffffff',
        String(now - 0.5),
        '9'.repeat(400),
    ])
        bearer(
            `exp as ${raw.slice(0, 20)}`,
            token(header, `{"sub":"${world.member.wallet}","iat":${now},"exp":${raw}}`),
        );
    bearer(
        'exp twice, the good one last',
        token(header, `{"sub":"${world.member.wallet}","exp":1,"exp":${now + 3600}}`),
    );
    bearer(
        'exp twice, the good one first',
        token(header, `{"sub":"${world.member.wallet}","exp":${now + 3600},"exp":1}`),
    );
    for (const value of [now + 1, now + 3600, '0', null, 1e300, [0]]) claim('nbf', value);
    claim('nbf', now, '200');
    for (const value of [now + 86400, -1, 'x', null, undefined]) claim('iat', value, '200'); // nothing is asked of it
    claim('sub', accounts.member.address, '200'); // in mixed case: the same wallet
    for (const value of [
        undefined,
        null,
        '',
        1,
        true,
        [world.member.wallet],
        { sub: world.member.wallet },
        world.member.wallet.slice(2),
        `${world.member.wallet}0`,
        world.member.wallet.slice(0, -1),
        ` ${world.member.wallet}`,
        `${world.member.wallet}\0`,
        `${world.member.wallet}\n`,
        world.member.wallet.replace('0x', '0X'),
        `0x${'g'.repeat(40)}`,
        "' OR '1'='1",
        '*',
        '%',
        'x'.repeat(2000),
    ]) {
        rows.push([
            `sub ${JSON.stringify(value)?.slice(0, 60) ?? 'missing'}`,
            {
                method: 'GET',
                path: '/credits',
                headers: [['Authorization', `Bearer ${token(header, { ...claims, sub: value })}`]],
            },
            '401 unauthorized',
        ]);
    }
    for (const body of [
        '[]',
        '"x"',
        'null',
        '1',
        '',
        '{',
        `{"sub":"${world.member.wallet}"}x`,
        `\ufeff${JSON.stringify(claims)}`,
        `${JSON.stringify(claims)}\0`,
        `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`,
    ])
        bearer(`payload ${JSON.stringify(body.slice(0, 30))} of ${body.length}`, token(header, body));
    for (const body of ['[]', '"HS256"', 'null', '', '{', '{"alg":"HS256"}x', '\ufeff{"alg":"HS256"}'])
        bearer(`header ${JSON.stringify(body)}`, token(body, claims));

    for (const scheme of ['bearer', 'BEARER', 'bEaReR']) credits(`scheme ${scheme}`, `${scheme} ${good}`, '200');
    for (const text of [
        '',
        'Bearer',
        'Bearer ',
        good,
        `Token ${good}`,
        `JWT ${good}`,
        `Basic ${good}`,
        `Bearer: ${good}`,
        `Bearer=${good}`,
        `Bearer${good}`,
        `Bearerx ${good}`,
        `Bearer Bearer ${good}`,
        `Bearer,${good}`,
        `Bearer token=${good}`,
        `x Bearer ${good}`,
        `Bearer\u00a0${good}`,
        `DPoP ${good}`,
    ])
        credits(`Authorization: ${text.replace(good, 'TOKEN')}|`, Buffer.from(text).toString('latin1'));
    credits('Authorization with many blanks', `Bearer    ${good}`, '200|401 unauthorized');
    credits('Authorization with a tab', `Bearer\t${good}`, '200|401 unauthorized');
    return rows;
}

// ---- signatures of wallets ----

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const word = (number) => number.toString(16).padStart(64, '0');

// Bad ones leave the nonce usable, as the last rows show.
export async function signatures(world) {
    const rows = [];
    const { wallet } = world.nobody;
    const [nonce, ...more] = world.nonces;
    const good = await world.nobody.sign(nonce);
    const [r, s, v] = [
        BigInt(good.slice(0, 66)),
        BigInt(`0x${good.slice(66, 130)}`),
        Number.parseInt(good.slice(130), 16),
    ];
    const verify = (name, fields, answered = '401 invalid signature', changes = []) =>
        rows.push([
            name,
            { method: 'POST', path: '/auth/verify', body: { wallet, nonce, signature: good, ...fields } },
            answered,
            { changes },
        ]);
    const made = (r, s, v) => `0x${word(r)}${word(s)}${v.toString(16).padStart(2, '0')}`;
    const [low, high] = v === 27 ? [0, 1] : [1, 0];

    for (const other of [2, 3, 4, 26, 29, 30, 31, 35, 36, 37, 38, 54, 127, 128, 154, 255])
        verify(`v ${other}`, { signature: made(r, s, other) });
    verify('the other v', { signature: made(r, s, v === 27 ? 28 : 27) });
    verify('the other v, as 0 or 1', { signature: made(r, s, high) });
    verify('high s with the same v', { signature: made(r, order - s, v) });
    for (const [name, number] of Object.entries({
        0: 0n,
        1: 1n,
        n: order,
        'n + 1': order + 1n,
        '2^256 - 1': 2n ** 256n - 1n,
        p: 2n ** 256n - 2n ** 32n - 977n,
        'n - 1': order - 1n,
    }))
        for (const id of [27, 28]) {
            verify(`r ${name}, v ${id}`, { signature: made(number, s, id) });
            verify(`s ${name}, v ${id}`, { signature: made(r, number, id) });
            verify(`r and s ${name}, v ${id}`, { signature: made(number, number, id) });
        }
    verify('r and s exchanged', { signature: made(s, r, v) });
    const compact = `0x${word(r)}${word(s | (BigInt(low) << 255n))}`;
    const texts = {
        'EIP-2098': compact,
        '64 bytes': good.slice(0, 130),
        '66 bytes': `${good}00`,
        '129 digits': good.slice(0, -1),
        '131 digits': `${good}0`,
        'EIP-155 v in two bytes': `${good.slice(0, 130)}31a5`,
        'no 0x': good.slice(2),
        '0X': `0X${good.slice(2)}`,
        '0x twice': `0x${good}`,
        'a blank before': ` ${good}`,
        'a blank behind': `${good} `,
        'a line break behind': `${good}\n`,
        'a NUL behind': `${good}\0`,
        'a digit that is none': `${good.slice(0, -1)}g`,
        'wide digits': good.replace(/\d/, '０'),
        base64: Buffer.from(good.slice(2), 'hex').toString('base64'),
        zeros: `0x${'0'.repeat(130)}`,
        ones: `0x${'f'.repeat(130)}`,
        '0x alone': '0x',
        'one letter': 'x',
        '16 kB': `0x${'1b'.repeat(7000)}`,
        'the nonce': nonce,
        'ERC-6492': `0x${'00'.repeat(32)}6492649264926492649264926492649264926492649264926492649264926492`,
    };
    for (const [name, signature] of Object.entries(texts)) verify(`signature: ${name}`, { signature });

    const by = (account, message) => account.signMessage({ message });
    verify('signed by another wallet', { signature: await by(accounts.stranger, nonce) });
    verify('for another wallet', { wallet: world.stranger.wallet });
    const strangers = await world.stranger.nonce();
    verify(
        "another wallet's nonce",
        { nonce: strangers, signature: await by(accounts.nobody, strangers) },
        '401 invalid or expired nonce',
    );
    verify("another wallet's nonce and signature", {
        nonce: strangers,
        signature: await by(accounts.stranger, strangers),
    });
    verify('another nonce than was signed', { nonce: more[0] });
    verify(
        'a nonce that is spent',
        { nonce: world.spentNonce, signature: world.spentSignature },
        '401 invalid or expired nonce',
    );
    const forged = (instant, key = secret, of = wallet) => {
        const issued = Buffer.alloc(16);
        issued.writeBigUInt64BE(BigInt.asUintN(64, BigInt(instant)));
        const derived = createHmac('sha256', key).update('session-voice nonce').digest();
        const tag = createHmac('sha256', derived)
            .update(Buffer.concat([issued, Buffer.from(of)]))
            .digest()
            .subarray(0, 16);
        return Buffer.concat([issued, tag]).toString('hex');
    };
    const nonces = {
        'of another secret': forged(now, 'another-secret-of-more-than-thirty-two'),
        'of no secret': forged(now, ''),
        'of another wallet': forged(now, secret, world.stranger.wallet),
        expired: forged(now - 300),
        'of 1970': forged(0),
        'of the future': forged(now + 301),
        'of the year 292 billion': forged(2n ** 63n - 1n),
        'before time': forged(-1),
        'all zeros': '0'.repeat(64),
        'all ones': 'f'.repeat(64),
        'in capitals': nonce.toUpperCase(),
        'with 0x': `0x${nonce}`,
        'one bit off': `${nonce.slice(0, -1)}${(Number.parseInt(nonce.at(-1), 16) ^ 1).toString(16)}`,
        'its time changed': `${'0'.repeat(16)}${nonce.slice(16)}`,
        'cut short': nonce.slice(0, -2),
        'too long': `${nonce}00`,
        'with a blank': `${nonce} `,
        'with a NUL': `${nonce}\0`,
        'an SQL injection': sqlPieces[0],
        'a JWT': world.nobody.token,
        '4 kB': 'ab'.repeat(2000),
    };
    for (const [name, bad] of Object.entries(nonces))
        verify(
            `nonce: ${name}`,
            { nonce: bad, signature: await by(accounts.nobody, bad) },
            '401 invalid or expired nonce',
        );
    verify('typed data or a raw hash for the message', {
        signature: await accounts.nobody.sign({ hash: `0x${nonce}` }),
    });
    verify('a transaction for the message', {
        signature: (await accounts.nobody.signTransaction({ chainId: 1, nonce: 0, type: 'legacy' })).slice(0, 132),
    });
    verify('the nonce as text with a prefix', { signature: await by(accounts.nobody, `Sign in: ${nonce}`) });
    verify('the nonce with 0x as text', { signature: await by(accounts.nobody, `0x${nonce}`) });

    // What is a second spelling of a good one and is let in, once.
    const accepted = async (name, change, of = wallet) => {
        const mine = more.pop();
        const fields = { nonce: mine, wallet: of, signature: change(await by(accounts.nobody, mine)) };
        verify(name, fields, '200', ['spent_nonces']);
        verify(`${name}, again`, fields, '401 invalid or expired nonce');
    };
    await accepted('v 0 or 1', (text) => `${text.slice(0, 130)}${text.endsWith('1b') ? '00' : '01'}`);
    await accepted('high s with the other v', (text) =>
        made(BigInt(text.slice(0, 66)), order - BigInt(`0x${text.slice(66, 130)}`), text.endsWith('1b') ? 28 : 27),
    );
    await accepted('upper-case digits', (text) => `0x${text.slice(2).toUpperCase()}`);
    await accepted('the wallet in mixed case', (text) => text, accounts.nobody.address);
    await accepted('the wallet in upper case', (text) => text, `0x${wallet.slice(2).toUpperCase()}`);
    await accepted(
        'the wallet in a case that EIP-55 does not have',
        (text) => text,
        `0x${accounts.nobody.address.slice(2).replace(/[a-f]/gi, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))}`,
    );
    verify('the nonce of all these rows', {}, '200', ['spent_nonces']);
    verify('the nonce of all these rows, again', {}, '401 invalid or expired nonce');
    verify(
        'the nonce of all these rows, signed as bytes',
        { signature: await accounts.nobody.signMessage({ message: { raw: `0x${nonce}` } }) },
        '401 invalid or expired nonce',
    );
    return rows;
}

// ---- other people's things ----

export function strangers(world) {
    const rows = [];
    const seats = { host: world.host.seat, member: world.member.seat, loner: world.loner.seat };
    const ids = (seat) => ({ room_id: seat.room_id, connection_id: seat.connection_id });
    for (const as of ['stranger', 'nobody', 'member', 'host', 'loner', 'guest'])
        for (const path of ['/rooms/heartbeat', '/rooms/token/renew', '/rooms/leave']) {
            const post = (name, body, answered = '403 not_your_connection') =>
                rows.push([`${as}, ${path}: ${name}`, { method: 'POST', path, as, body }, answered]);
            for (const [owner, seat] of Object.entries(seats))
                if (owner !== as) post(`connection of ${owner}`, ids(seat));
            post('connection of the booked session', {
                room_id: world.bookedRoomId,
                connection_id: world.bookedConnectionId,
            });
            post('a connection that is over', { room_id: world.closedRoomId, connection_id: world.pastConnectionId });
            post('a connection that never was', { room_id: world.roomId, connection_id: unknownId });
            if (seats[as] === undefined) continue;
            post('own connection, another room', {
                room_id: as === 'loner' ? world.roomId : world.privateRoomId,
                connection_id: seats[as].connection_id,
            });
            post('the ids exchanged', { room_id: seats[as].connection_id, connection_id: seats[as].room_id });
            post('the room as connection', { room_id: seats[as].room_id, connection_id: seats[as].room_id });
        }
    const to = (as, method, path, answered, more) =>
        rows.push([
            `${as}: ${method} ${path.replace(world.roomId, 'ROOM').replace(world.privateRoomId, 'PRIVATE').replace(world.bookedRoomId, 'BOOKED').replace(world.closedRoomId, 'CLOSED')}`,
            { method, path, as },
            answered,
            more,
        ]);
    for (const as of ['stranger', 'nobody', 'member', 'loner', 'guest'])
        to(as, 'DELETE', `/rooms/${world.roomId}`, '403 not_host');
    for (const as of ['stranger', 'nobody', 'member', 'host', 'guest']) {
        to(as, 'GET', `/rooms/${world.privateRoomId}`, '404 room_not_found');
        to(as, 'DELETE', `/rooms/${world.privateRoomId}`, '404 room_not_found|403 not_host');
        to(
            as,
            'DELETE',
            `/rooms/${world.privateRoomId}/participants/${world.loner.seat.connection_id}`,
            '404 room_not_found|403 not_host',
        );
        to(as, 'GET', `/rooms/${world.closedRoomId}`, '404 room_not_found');
        to(as, 'GET', `/rooms/${world.bookedRoomId}`, '404 room_not_found');
        to(as, 'DELETE', `/rooms/${world.bookedRoomId}`, '404 room_not_found');
        to(
            as,
            'DELETE',
            `/rooms/${world.bookedRoomId}/participants/${world.bookedConnectionId}`,
            '404 room_not_found|404 participant_not_found',
        );
        to(as, 'DELETE', `/rooms/${unknownId}`, '404 room_not_found');
    }
    for (const as of ['stranger', 'nobody', 'member', 'loner', 'guest'])
        for (const owner of ['host', 'member'])
            to(as, 'DELETE', `/rooms/${world.roomId}/participants/${seats[owner].connection_id}`, '403 not_host');
    to(
        'host',
        'DELETE',
        `/rooms/${world.roomId}/participants/${world.loner.seat.connection_id}`,
        '404 participant_not_found',
    );
    to(
        'host',
        'DELETE',
        `/rooms/${world.roomId}/participants/${world.bookedConnectionId}`,
        '404 participant_not_found',
    );
    to('host', 'DELETE', `/rooms/${world.roomId}/participants/${world.pastConnectionId}`, '404 participant_not_found');
    to('host', 'DELETE', `/rooms/${world.roomId}/participants/${unknownId}`, '404 participant_not_found');
    to(
        'loner',
        'DELETE',
        `/rooms/${world.privateRoomId}/participants/${world.host.seat.connection_id}`,
        '404 participant_not_found',
    );
    to('stranger', 'DELETE', `/rooms/${world.closedRoomId}`, '404 room_not_found|200');
    const join = (as, body, answered, path = '/rooms/join') =>
        rows.push([
            `${as} joins ${JSON.stringify(body).replace(world.closedRoomId, 'CLOSED')}`,
            { method: 'POST', path, as, body },
            answered,
        ]);
    join('stranger', { room_id: world.closedRoomId }, '404 room_not_found');
    join('stranger', { room_id: world.bookedRoomId }, '400 room_type_mismatch');
    join('stranger', { room_id: world.pastConnectionId }, '404 room_not_found');
    join('member', { room_id: world.privateRoomId }, '409 already_in_free_room');
    for (const as of ['stranger', 'nobody', 'member', 'loner']) {
        join(as, { booking_id: bookingId }, '403 not a participant', '/session/join');
        to(as, 'POST', `/session/${bookingId}/leave`, '200');
        to(as, 'POST', '/session/7/leave', '200');
        to(as, 'POST', `/session/${bookingId}/attest`, '403 forbidden');
        to(as, 'POST', `/session/${bookingId}/attest?force_outcome=completed`, '403 forbidden');
    }
    to('host', 'POST', `/session/0${bookingId}/leave`, '200');
    to('host', 'POST', `/session/${bookingId}/attest`, '403 forbidden');
    for (const id of [
        'x',
        '-1',
        '1.5',
        '0x1',
        '1e3',
        '%31',
        '1%00',
        '1;',
        "1'",
        (2n ** 256n).toString(),
        '9'.repeat(1000),
    ])
        to('guest', 'POST', `/session/${id}/leave`, '200|400'); // no booking, so nobody was in it
    for (const path of ['/credits', '/credits/history', `/rooms/${world.roomId}`, `/rooms/${unknownId}`])
        rows.push([`no token: GET ${path.slice(0, 20)}${path.length}`, { method: 'GET', path }, '401 unauthorized']);
    rows.splice(-1);
    for (const path of [
        `/rooms/${world.roomId}`,
        `/rooms/${world.roomId}/participants/${world.host.seat.connection_id}`,
    ])
        rows.push([`no token: DELETE of ${path.length}`, { method: 'DELETE', path }, '401 unauthorized']);
    return rows;
}

// ---- injections ----

// Any text that is no id of ours is the id of nothing.
function noSuchId(path, field) {
    if (field !== 'room_id' && field !== 'connection_id') return undefined;
    return path === '/rooms/join' ? '404 room_not_found' : '403 not_your_connection';
}

export function injections(world) {
    const rows = [];
    const encoded = (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    for (const [at, piece] of [...sqlPieces, ...linePieces].entries()) {
        for (const { path, as, good } of endpoints(world))
            for (const field of Object.keys(good)) {
                if (field === 'title') continue; // it is text like any other, and has a test of its own
                const isFree = field === 'visibility'; // any other word means open
                const answered =
                    { signature: '401 invalid signature', nonce: '401 invalid signature' }[field] ??
                    noSuchId(path, field) ??
                    `400 invalid ${field}`;
                const body = { ...good, [field]: piece, ...(isFree ? { capacity: 99 } : {}) };
                rows.push([
                    `${path} ${field}: ${at}`,
                    { method: 'POST', path, as, body },
                    isFree ? '400 invalid capacity' : answered,
                ]);
            }
        const raw = [encoded(piece), piece.replace(/[\r\n]/g, '').replaceAll(' ', '+')];
        for (const [spelled, text] of raw.entries()) {
            const latin = Buffer.from(text).toString('latin1');
            // SQL in percents is for the program to refuse; what else there is, some web server may refuse itself.
            const isForUs = spelled === 0 && at < sqlPieces.length;
            const to = (method, path, as, ours) =>
                rows.push([
                    `${method} ${path.replace(latin, 'PIECE').slice(-60)}: ${at}.${spelled}`,
                    {
                        method,
                        path,
                        as,
                        headers: as === undefined ? [['X-Service-Token', world.serviceToken]] : [],
                    },
                    isForUs ? ours : ['400', '404 not_found', ours],
                ]);
            to('GET', `/rooms/${latin}`, 'host', '404 room_not_found');
            to('DELETE', `/rooms/${latin}`, 'host', '404 room_not_found');
            to(
                'DELETE',
                `/rooms/${latin}/participants/${world.host.seat.connection_id}`,
                'host',
                '404 room_not_found',
            );
            to('DELETE', `/rooms/${world.roomId}/participants/${latin}`, 'host', '404 participant_not_found');
            to('POST', `/session/${latin}/leave`, 'host', '200');
            to('POST', `/session/${latin}/attest`, undefined, '400 invalid booking_id');
            to('GET', `/credits/history?limit=${latin}`, 'host', '400 invalid limit');
            to('GET', `/credits/history?cursor=${latin}`, 'host', '400 invalid cursor');
            to('POST', `/session/${bookingId}/attest?force_outcome=${latin}`, undefined, '400 invalid force_outcome');
            const isQuery = latin.startsWith('?'); // of the page
            to('GET', `/${latin}`, 'host', isQuery ? '200' : '404 not_found');
            to('GET', `/credits?${latin}`, 'host', '200');
        }
        const isPrintable = /^[\x20-\x7e]+$/.test(piece);
        const unless = (ours) => (isPrintable ? ours : ['400', ours]);
        for (const name of [
            'X-Request-Id',
            'Origin',
            'If-None-Match',
            'User-Agent',
            'Referer',
            'Cookie',
            'Access-Control-Request-Headers',
            'X-Forwarded-For',
        ])
            for (const method of ['GET', 'OPTIONS'])
                rows.push([
                    `${method} with ${name}: ${at}`,
                    { method, path: '/rooms/active', headers: [[name, `x${Buffer.from(piece).toString('latin1')}`]] },
                    unless(method === 'GET' ? '200' : '204'),
                ]);
        for (const name of ['Authorization', 'X-Service-Token'])
            rows.push([
                `${name}: ${at}`,
                {
                    method: 'POST',
                    path: name === 'Authorization' ? '/rooms/create' : '/session/7/attest',
                    headers: [[name, Buffer.from(piece).toString('latin1')]],
                },
                unless(name === 'Authorization' ? '401 unauthorized' : '403 forbidden'),
            ]);
        const body = { room_id: world.roomId, connection_id: world.host.seat.connection_id };
        const isPlain = /^[\x21-\x7e]+$/.test(piece);
        rows.push([
            `Idempotency-Key: ${at}`,
            {
                method: 'POST',
                path: '/rooms/leave',
                as: 'stranger',
                headers: [['Idempotency-Key', Buffer.from(piece).toString('latin1')]],
                body,
            },
            isPlain ? '403 not_your_connection' : '400 invalid idempotency_key|400|403 not_your_connection',
            { changes: [] },
        ]);
    }
    return rows;
}

export const sqlAndLines = [...sqlPieces, ...linePieces];
