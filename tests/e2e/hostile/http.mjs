// What HTTP allows, and what it does not. A row: [name, what is sent, what is answered, more].
//
// Sent: bytes, a list of them with a pause between, or a request for bytesOf(), whose `as` names the wallet.
// Answered: 'STATUS' is the web server's own refusal, 'STATUS error' the program's; 'none' is a connection closed without
// an answer. A list of them for several answers, and { lighttpd, nginx, because } where the two differ.
// More: `changes`, the tables that the request is entitled to change; `then`, see say().
const line = '\r\n';
const text = (...lines) => lines.join(line);
const whole = '{"visibility":"open"}';
const notFound = '404 not_found';

// POST /rooms/create of somebody who may, with these headers and this body.
const create = (world, headers, body = whole) =>
    text(
        'POST /rooms/create HTTP/1.1',
        'Host: localhost',
        'Connection: close',
        `Authorization: Bearer ${world.stranger.token}`,
        ...headers,
        '',
        body,
    );
// GET /credits with these headers, in the bytes that they are.
const get = (headers, path = '/credits', first = ['Host: localhost', 'Connection: close']) =>
    text(`GET ${path} HTTP/1.1`, ...first, ...headers, '', '');

const bodyOfGet = (...answers) => ({ lighttpd: '400', nginx: [answers], because: 'lighttpd lets no GET have a body' });

export function framing(world) {
    const bearer = `Authorization: Bearer ${world.member.token}`;
    const rows = [];
    const refused = (name, headers, body, answered = '400') =>
        rows.push([name, create(world, headers, body), answered]);
    const length = whole.length;

    // Content-Length
    refused('Content-Length twice, equal', [`Content-Length: ${length}`, `Content-Length: ${length}`]);
    refused('Content-Length twice, different', [`Content-Length: ${length}`, 'Content-Length: 0']);
    refused('Content-Length twice, the first too short', ['Content-Length: 0', `Content-Length: ${length}`]);
    for (const value of ['', '+21', '-1', '0x15', '21, 21', '21,0', '2 1', '21abc', 'abc', '1e1', '21.0', '"21"', '٢١'])
        refused(`Content-Length: ${value}`, [`Content-Length: ${value}`], whole, value === '' ? '400|411' : '400');
    for (const value of [
        '18446744073709551616',
        '99999999999999999999999',
        '9223372036854775808',
        '-9223372036854775808',
    ])
        rows.push([`Content-Length: ${value}`, create(world, [`Content-Length: ${value}`]), ['400', '413']]);
    refused('Content-Length shorter than the body', ['Content-Length: 5'], whole, '400 invalid_json');
    refused('no Content-Length but a body', [], whole, {
        lighttpd: '411',
        nginx: '400 missing room_id',
        because: 'nginx takes it for an empty body and what follows for the next request, which the close forbids',
    });
    rows.at(-1)[1] = rows.at(-1)[1].replace('/rooms/create', '/rooms/join');
    refused('Content-Length_ with an underscore', ['Content_Length: 21'], whole, {
        lighttpd: '411',
        nginx: '400 missing room_id',
        because: 'as without one',
    });
    rows.at(-1)[1] = rows.at(-1)[1].replace('/rooms/create', '/rooms/join');

    // Transfer-Encoding
    const chunked = (...chunks) => chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
    const good = `${chunked(whole)}0\r\n\r\n`;
    const both = { lighttpd: '400', nginx: '400' };
    refused(
        'Content-Length and Transfer-Encoding',
        [`Content-Length: ${length}`, 'Transfer-Encoding: chunked'],
        good,
        both,
    );
    refused('Transfer-Encoding and Content-Length', ['Transfer-Encoding: chunked', 'Content-Length: 0'], good, both);
    refused(
        'Transfer-Encoding and a Content-Length of 4',
        ['Transfer-Encoding: chunked', 'Content-Length: 4'],
        good,
        both,
    );
    for (const value of ['identity', 'gzip', 'xchunked', 'chunked, identity', 'gzip, chunked', 'chunked, chunked'])
        refused(`Transfer-Encoding: ${value}`, [`Transfer-Encoding: ${value}`], good, '400|501');
    refused('Transfer-Encoding: \\vchunked', ['Transfer-Encoding: \vchunked'], good, '400|501');
    refused('Transfer-Encoding twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], good, {
        lighttpd: '400 missing room_id',
        nginx: '400',
        because: 'lighttpd takes the same word twice for once; the body is whole and ends where it ends',
    });
    rows.at(-1)[1] = rows.at(-1)[1].replace('/rooms/create', '/rooms/join');
    refused(
        'Transfer-Encoding twice, chunked and identity',
        ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
        good,
        '400|501',
    );
    refused('Transfer-Encoding in HTTP/1.0', ['Transfer-Encoding: chunked'], good);
    rows.at(-1)[1] = rows.at(-1)[1].replace('HTTP/1.1', 'HTTP/1.0');
    const garbage = {
        'a chunk size that is no number': `xyz\r\n${whole}\r\n0\r\n\r\n`,
        'a negative chunk size': `-15\r\n${whole}\r\n0\r\n\r\n`,
        'a chunk size with 0x': `0x15\r\n${whole}\r\n0\r\n\r\n`,
        'a chunk size with a plus': `+15\r\n${whole}\r\n0\r\n\r\n`,
        'a chunk size of 2^64 - 1': `ffffffffffffffff\r\n${whole}\r\n0\r\n\r\n`,
        'a chunk size of 2^64 + 21': `10000000000000015\r\n${whole}\r\n0\r\n\r\n`,
        'a chunk longer than its size': `5\r\n${whole}\r\n0\r\n\r\n`,
        'an empty chunk size': `\r\n${whole}\r\n0\r\n\r\n`,
        'a NUL for chunk size': `\0\r\n${whole}\r\n0\r\n\r\n`,
    };
    for (const [name, body] of Object.entries(garbage)) {
        refused(name, ['Transfer-Encoding: chunked'], body, '400|413|none');
        rows.at(-1)[3] = { then: name === 'a NUL for chunk size' ? 'half-close' : 'wait' };
    }
    rows.push([
        'Authorization in the trailer',
        `POST /rooms/create HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunked(whole)}0\r\nAuthorization: Bearer ${world.stranger.token}\r\n\r\n`,
        '401 unauthorized',
    ]);
    rows.push([
        'no last chunk',
        create(world, ['Transfer-Encoding: chunked'], chunked(whole)),
        'none|400',
        { then: 'hang up' },
    ]);
    rows.push([
        'a chunk cut short',
        create(world, ['Transfer-Encoding: chunked'], '50\r\n{"visibility":'),
        'none|400',
        { then: 'hang up' },
    ]);
    rows.push([
        'no last chunk, half closed',
        create(world, ['Transfer-Encoding: chunked'], chunked(whole)),
        'none|400',
        { then: 'half-close' },
    ]);

    // Bodies that do not come, come late, or come twice over
    const announced = (count, body) => create(world, [`Content-Length: ${count}`], body);
    for (const [name, count, body] of [
        ['a body that is whole JSON and one byte short', length + 1, whole],
        ['a body cut in two', 100, '{"visi'],
        ['no body of the one announced', 2, ''],
    ]) {
        rows.push([`${name}, aborted`, announced(count, body), 'none|400', { then: 'hang up' }]);
        rows.push([`${name}, half closed`, announced(count, body), 'none|400', { then: 'half-close' }]);
    }
    const leaving = (as) => JSON.stringify({ room_id: world.roomId, connection_id: as.seat.connection_id });
    rows.push([
        'a body that comes byte after byte',
        [
            ...Buffer.from(
                text('POST /auth/nonce HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Length: 12', '', ''),
            ),
            ...Buffer.from('{"wallet":1}'),
        ]
            .reduce(
                (pieces, byte, at) =>
                    at % 8 === 0 ? [...pieces, [byte]] : [...pieces.slice(0, -1), [...pieces.at(-1), byte]],
                [],
            )
            .map((bytes) => Buffer.from(bytes)),
        '400 invalid wallet',
    ]);
    rows.push([
        'leaving for somebody, aborted',
        create(world, ['Content-Length: 200'], leaving(world.member)).replace('create', 'leave'),
        'none|400',
        { then: 'hang up' },
    ]);
    rows.push([
        '17 KiB',
        { method: 'POST', path: '/rooms/create', as: 'stranger', body: whole.padEnd(17 * 1024) },
        '413 payload_too_large',
    ]);
    rows.push([
        '17 KiB and nobody',
        { method: 'POST', path: '/rooms/create', body: whole.padEnd(17 * 1024) },
        '413 payload_too_large',
    ]);
    rows.push([
        '900 KiB',
        { method: 'POST', path: '/rooms/create', as: 'stranger', body: whole.padEnd(900 * 1024) },
        '413 payload_too_large',
    ]);
    rows.push(['5 MiB announced', create(world, [`Content-Length: ${5 << 20}`]), '413', { then: 'half-close' }]);
    rows.push([
        'a GET with a body',
        { method: 'GET', path: '/credits', as: 'nobody', headers: [['Content-Length', '4']], body: 'junk' },
        bodyOfGet('200'),
    ]);
    rows.push(['half closed behind a whole request', get([bearer]), 'none|200', { then: 'half-close' }]);
    rows.push(['hung up behind a whole request', get([bearer]), 'none|200', { then: 'hang up' }]);
    rows.push(['half a request line', 'GET /cred', 'none|400', { then: 'half-close' }]);
    rows.push([
        'half a head',
        `GET /credits HTTP/1.1\r\nHost: localhost\r\n${bearer.slice(0, 40)}`,
        'none|400',
        { then: 'half-close' },
    ]);
    return rows;
}

// Two requests in one: what a proxy that frames otherwise would take for one must never be answered as another's.
export function smuggling(world) {
    const victim = text(
        'GET /credits HTTP/1.1',
        'Host: localhost',
        'Connection: close',
        `Authorization: Bearer ${world.host.token}`,
        '',
        '',
    );
    const hidden = text(
        'POST /rooms/create HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${world.stranger.token}`,
        'Content-Length: 0',
        '',
        '',
    );
    const open = `GET /rooms/active HTTP/1.1${line}Host: localhost${line}X-Ignore: `;
    const start = (...headers) => text('POST /auth/nonce HTTP/1.1', 'Host: localhost', ...headers, '', '');
    const rows = [
        ['CL.TE', `${start('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG${victim}`, '400'],
        [
            'CL.TE with a whole request hidden',
            `${start(`Content-Length: ${5 + hidden.length}`, 'Transfer-Encoding: chunked')}0\r\n\r\n${hidden}${victim}`,
            '400',
        ],
        [
            'TE.CL',
            `${start('Content-Length: 4', 'Transfer-Encoding: chunked')}5c\r\n${hidden}\r\n0\r\n\r\n${victim}`,
            '400',
        ],
        ['CL.CL', `${start('Content-Length: 0', `Content-Length: ${hidden.length}`)}${hidden}${victim}`, '400'],
        [
            'a GET whose body is a request',
            `GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}${victim}`,
            bodyOfGet('200', '200'),
        ],
        [
            'a POST whose body is a request',
            `${start(`Content-Length: ${hidden.length}`)}${hidden}${victim}`,
            [['400 invalid_json', '200']],
        ],
        [
            'a chunked body that is a request',
            `${start('Transfer-Encoding: chunked')}${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n${victim}`,
            [['400 invalid_json', '200']],
        ],
        [
            'an open header that swallows the next request',
            `${start('Content-Length: 2')}{}${open}${victim}`,
            [
                ['400 missing wallet', '200'],
                ['400 missing wallet', '400'],
            ],
        ],
        [
            'a body that is refused for its size, and a request behind it',
            [`${start(`Content-Length: ${17 * 1024}`)}${'x'.repeat(17 * 1024)}`, victim],
            [['413 payload_too_large', '200'], ['413 payload_too_large']],
        ],
        [
            'a body too large for the web server that is a request',
            `${start(`Content-Length: ${5 << 20}`)}${hidden}${victim}`,
            '413',
            { then: 'half-close' },
        ],
        [
            'a request behind Connection: close',
            `${start('Connection: close', 'Content-Length: 0')}${hidden}`,
            '400 missing wallet',
        ],
        [
            'a preflight with a body',
            `OPTIONS /rooms/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}${victim}`,
            [['204', '200']],
        ],
        [
            'a 404 with a body',
            `POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}${victim}`,
            [['404 not_found', '200']],
        ],
        [
            'a 405 with a body',
            `PUT /credits HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}${victim}`,
            [['405 method_not_allowed', '200']],
        ],
        [
            'a token stays with its request',
            `GET /credits HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.host.token}\r\n\r\n${get([])}`,
            [['200', '401 unauthorized']],
        ],
        [
            'a service token stays with its request',
            `POST /session/7/attest HTTP/1.1\r\nHost: localhost\r\nX-Service-Token: wrong-service-token\r\nContent-Length: 0\r\n\r\n${text('POST /session/7/attest HTTP/1.1', 'Host: localhost', 'Connection: close', 'Content-Length: 0', '', '')}`,
            [['403 forbidden', '403 forbidden']],
        ],
        [
            'TE with a tab before the colon',
            `${start('Transfer-Encoding\t: chunked', 'Content-Length: 0')}${hidden}${victim}`,
            '400',
        ],
        [
            'TE with a blank before the colon',
            `${start('Transfer-Encoding : chunked', 'Content-Length: 0')}${hidden}${victim}`,
            '400',
        ],
        [
            'TE after a bare LF',
            `${start('X: y\nTransfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n${victim}`,
            '400',
        ],
        [
            'TE after a bare CR',
            `${start('X: y\rTransfer-Encoding: chunked', 'Content-Length: 2')}{}${victim}`,
            [['400 missing wallet', '200'], ['400']],
        ],
        [
            'upgrade to h2c',
            text(
                'GET /credits HTTP/1.1',
                'Host: localhost',
                'Connection: Upgrade, HTTP2-Settings, close',
                'Upgrade: h2c',
                'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
                '',
                '',
            ),
            '401 unauthorized',
        ],
    ];
    return rows;
}

export function headers(world) {
    const member = `Bearer ${world.member.token}`;
    const good = ['Authorization', member];
    const rows = [];
    const credits = (name, list, answered, more) =>
        rows.push([name, { method: 'GET', path: '/credits', headers: list }, answered, more]);
    for (const [name, other] of Object.entries({
        'the same': member,
        another: `Bearer ${world.host.token}`,
        junk: 'Bearer junk',
        Basic: 'Basic anVuazpqdW5r',
        'an empty one': '',
    })) {
        const emptyIsIgnored = {
            lighttpd: '400|401 unauthorized|200',
            nginx: '400',
            because: 'lighttpd drops a header without a value',
        };
        const answered = other === '' ? emptyIsIgnored : '400|401 unauthorized';
        credits(`Authorization twice, then ${name}`, [good, ['Authorization', other]], answered);
        credits(`Authorization twice, first ${name}`, [['Authorization', other], good], answered);
    }
    credits(
        'Authorization of two in one',
        [['Authorization', `${member}, Bearer ${world.host.token}`]],
        '401 unauthorized',
    );
    credits('Authorization in the query', [], '401 unauthorized');
    rows.at(-1)[1].path = '/credits?authorization=Bearer+x&access_token=x';
    credits('Cookie for Authorization', [['Cookie', 'token=x; Authorization=Bearer']], '401 unauthorized');
    credits('Proxy-Authorization', [['Proxy-Authorization', member]], '401 unauthorized');
    credits('X-Authorization', [['X-Authorization', member]], '401 unauthorized');
    credits('HTTP_AUTHORIZATION', [['HTTP_AUTHORIZATION', member]], '401 unauthorized|400');
    credits(
        'Redirect-Authorization',
        [
            ['Redirect-Authorization', member],
            ['Redirect-Http-Authorization', member],
        ],
        '401 unauthorized',
    );
    credits('Host twice, equal', [['Host', 'localhost'], ['Host', 'localhost'], good], {
        lighttpd: '200',
        nginx: '400',
        because: 'lighttpd takes the same name twice for once',
    });
    credits('Host twice, different', [['Host', 'localhost'], ['Host', 'evil'], good], '400');
    for (const host of ['a b', 'a/b', 'a\0b', 'a\\b', '[::1', 'a:b:c', ''])
        credits(`Host: ${JSON.stringify(host)}`, [['Host', host], good], {
            lighttpd: '400',
            nginx: '400|200',
            because: 'nginx minds only what it looks at; no answer depends on the name',
        });
    credits('Host of somebody else', [['Host', 'evil.example.org'], good], '200');
    rows.push(['no Host', get([`Authorization: ${member}`], '/credits', ['Connection: close']), '400']);

    const attest = (name, list, answered) =>
        rows.push([name, { method: 'POST', path: '/session/1/attest', headers: list }, answered]);
    const service = ['X-Service-Token', world.serviceToken];
    const through = '400 no_show_too_late|400 completed_too_late|400 overlap_not_met';
    attest('X-Service-Token twice, the good one behind', [['X-Service-Token', 'junk'], service], '403 forbidden');
    attest('X-Service-Token twice, the good one first', [service, ['X-Service-Token', 'junk']], {
        lighttpd: '403 forbidden',
        nginx: `${through}|403 forbidden`,
        because: 'nginx before 1.23 hands on both, of which the first counts, and whoever sends it has it; later, it joins them',
    });
    attest('X-Service-Token twice, both good', [service, service], {
        lighttpd: '403 forbidden',
        nginx: `${through}|403 forbidden`,
        because: 'as before',
    });
    attest('X-Service-Token empty', [['X-Service-Token', '']], '403 forbidden');
    attest('X-Service-Token cut short', [['X-Service-Token', world.serviceToken.slice(0, -1)]], '403 forbidden');
    attest('X-Service-Token and more', [['X-Service-Token', `${world.serviceToken}x`]], '403 forbidden');
    attest('X-Service-Token in upper case', [['X-Service-Token', world.serviceToken.toUpperCase()]], '403 forbidden');
    attest('X-Service-Token as Authorization', [['Authorization', `Bearer ${world.serviceToken}`]], '403 forbidden');
    attest('an access token as X-Service-Token', [['X-Service-Token', world.host.token]], '403 forbidden');
    attest('no X-Service-Token but an access token', [good], '403 forbidden');
    rows.push([
        'the service token for metrics',
        { method: 'GET', path: '/metrics', headers: [['Authorization', `Bearer ${world.serviceToken}`]] },
        '401 unauthorized',
    ]);
    rows.push([
        'an access token for metrics',
        { method: 'GET', path: '/metrics', headers: [good] },
        '401 unauthorized',
    ]);

    const leave = (name, keys, answered, changes) =>
        rows.push([
            name,
            {
                method: 'POST',
                path: '/rooms/leave',
                as: 'stranger',
                headers: keys.map((key) => ['Idempotency-Key', key]),
                body: { room_id: world.roomId, connection_id: world.host.seat.connection_id },
            },
            answered,
            { changes },
        ]);
    leave(
        'Idempotency-Key twice',
        ['one', 'two'],
        {
            lighttpd: '400 invalid idempotency_key',
            nginx: '403 not_your_connection|400 invalid idempotency_key',
            because: 'nginx before 1.23 hands on both, of which the first counts; later, it joins them',
        },
        [],
    );
    for (const key of ['', 'a b', 'k'.repeat(256), 'é', '\t', 'a\x7fb'])
        leave(
            `Idempotency-Key: ${JSON.stringify(key.slice(0, 9))}`,
            [key],
            key.trim() === ''
                ? {
                      lighttpd: '400 invalid idempotency_key|403 not_your_connection',
                      nginx: '400 invalid idempotency_key',
                      because: 'lighttpd drops a header without a value',
                  }
                : '400 invalid idempotency_key|400',
            undefined,
        );
    leave('Idempotency-Key of another wallet', ['key-of-loner'], '403 not_your_connection', []);
    credits(
        'Content-Type twice',
        [['Content-Type', 'application/json'], ['Content-Type', 'text/plain'], good],
        '200|400',
    );
    for (const type of [
        'text/plain',
        'multipart/form-data; boundary=x',
        'application/x-www-form-urlencoded',
        'application/json; charset=utf-16',
        ';',
        'a'.repeat(500),
    ])
        rows.push([
            `Content-Type: ${type.slice(0, 40)}`,
            { method: 'POST', path: '/auth/nonce', headers: [['Content-Type', type]], body: { wallet: 1 } },
            '400 invalid wallet',
        ]);
    rows.push([
        'Content-Encoding: gzip',
        { method: 'POST', path: '/auth/nonce', headers: [['Content-Encoding', 'gzip']], body: '\x1f\x8b\x08' },
        '400 invalid_json',
    ]);
    rows.push([
        'X-HTTP-Method-Override',
        { method: 'POST', path: `/rooms/leave`, as: 'host', headers: [['X-HTTP-Method-Override', 'DELETE']], body: {} },
        '400 missing room_id or connection_id',
    ]);
    rows.push([
        'X-Original-URL',
        {
            method: 'GET',
            path: '/nothing',
            as: 'host',
            headers: [
                ['X-Original-URL', '/credits'],
                ['X-Rewrite-URL', '/credits'],
            ],
        },
        notFound,
    ]);
    for (const name of [
        'X-Forwarded-For',
        'X-Real-IP',
        'Forwarded',
        'Proxy',
        'Content-Location',
        'Script-Name',
        'Path-Info',
        'Request-Uri',
        'Remote-Addr',
        'Request-Method',
    ])
        credits(`${name} of a client`, [[name, '/rooms/create'], good], '200');

    // Sizes
    const large = { lighttpd: '431', nginx: '400' };
    credits('a header of 20 kB', [['X-Large', 'x'.repeat(20_000)]], large);
    credits('Authorization of 20 kB', [['Authorization', `Bearer ${'x'.repeat(20_000)}`]], large);
    credits('a name of 20 kB', [['X'.repeat(20_000), 'x']], large);
    credits(
        'a thousand headers',
        Array.from({ length: 1000 }, (_, i) => [`X-${i}`, 'x'.repeat(20)]),
        { lighttpd: '431', nginx: '400|401 unauthorized', because: 'nginx has 32 kB for all, of lines up to 8 kB' },
    );
    credits(
        'ten thousand headers',
        Array.from({ length: 10_000 }, (_, i) => [`X-${i}`, 'x']),
        large,
    );
    rows.push([
        'a path of 20 kB',
        { method: 'GET', path: `/${'x'.repeat(20_000)}` },
        { lighttpd: '431|414', nginx: '414' },
    ]);
    rows.push([
        'a query of 20 kB',
        { method: 'GET', path: `/health?${'x'.repeat(20_000)}` },
        { lighttpd: '431|414', nginx: '414' },
    ]);
    rows.push(['a path of 6 kB', { method: 'GET', path: `/${'x'.repeat(6000)}` }, notFound]);
    rows.push(['a path of 3000 segments', { method: 'GET', path: '/x'.repeat(3000) }, notFound]);
    rows.push([
        'a room id of 6 kB',
        { method: 'GET', path: `/rooms/${'x'.repeat(6000)}`, as: 'member' },
        '404 room_not_found',
    ]);

    // Lines
    rows.push([
        'HTTP/0.9',
        'GET /credits\r\n',
        {
            lighttpd: '400|none',
            nginx: 'bare|none',
            because: 'nginx still speaks it; the answer is the refusal without a head',
        },
        { then: 'half-close' },
    ]);
    rows.push(['HTTP/0.9 with POST', 'POST /rooms/create\r\n', '400|bare|none', { then: 'half-close' }]);
    for (const version of [
        'HTTP/1.0',
        'HTTP/1.9',
        'http/1.1',
        'HTTP/2.0',
        'HTTP/1',
        'HTTP/1.1.1',
        'HTTP/-1.1',
        'HTTP/01.1',
        'HTTPS/1.1',
        'HTTP/99999.1',
    ])
        rows.push([
            `version ${version}`,
            get([`Authorization: ${member}`]).replace('HTTP/1.1', version),
            version === 'HTTP/1.0' ? '200' : version === 'HTTP/1.9' ? '200|505|400' : '400|505|bare',
        ]);
    rows.push([
        'the preface of HTTP/2',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        { lighttpd: 'bare|400|505', nginx: '400|405|505|bare', because: 'lighttpd may speak HTTP/2 without TLS' },
        { then: 'half-close' },
    ]);
    rows.push(['bare LF everywhere', get([`Authorization: ${member}`]).replaceAll('\r\n', '\n'), '200|400']);
    rows.push([
        'bare CR everywhere',
        get([`Authorization: ${member}`]).replaceAll('\r\n', '\r'),
        '400|none',
        { then: 'half-close' },
    ]);
    rows.push([
        'obs-fold in Authorization',
        get([`Authorization: Bearer`, ` ${world.member.token}`]),
        '400|401 unauthorized|200',
    ]);
    rows.push(['obs-fold of another header', get(['X-A: b', ' Authorization: Bearer x']), '400|401 unauthorized']);
    rows.push(['a line that begins with a blank', get([` Authorization: ${member}`]), '400|401 unauthorized']);
    rows.push(['a line without a colon', get(['Authorization']), '400|401 unauthorized']);
    rows.push(['a line without a name', get([`: ${member}`]), '400|401 unauthorized']);
    rows.push(['a blank before the colon', get([`Authorization : ${member}`]), '400']);
    rows.push([
        'a tab for the blank',
        get([`Authorization:\tBearer ${world.member.token}`]),
        '200|400|401 unauthorized',
    ]);
    rows.push(['NUL in a value', get(['X-A: a\0b', `Authorization: ${member}`]), '400']);
    rows.push(['NUL in Authorization', get([`Authorization: ${member}\0`]), '400']);
    rows.push(['NUL in a name', get(['X\0A: b', `Authorization: ${member}`]), '400']);
    rows.push(['NUL in the path', get([`Authorization: ${member}`], '/credits\0'), '400']);
    rows.push(['nothing but NULs', '\0'.repeat(100), '400|none', { then: 'half-close' }]);
    rows.push(['nothing but line breaks', '\r\n'.repeat(50), '400|none', { then: 'half-close' }]);
    rows.push(['line breaks before the request', `\r\n\r\n${get([])}`, '401 unauthorized|400']);
    rows.push(['a blank before the request', ` ${get([])}`, '400|501']);
    rows.push(['two blanks in the request line', get([]).replace('GET /', 'GET  /'), '400|401 unauthorized']);
    rows.push(['a tab in the request line', get([]).replace('GET /', 'GET\t/'), '400|501']);
    rows.push(['a blank in the path', get([]).replace('/credits', '/cre dits'), `400|${notFound}`]);
    rows.push([
        'TLS to the plain port',
        Buffer.from('160301020001000 1fc0303'.replace(' ', ''), 'hex'),
        '400|none|bare',
        { then: 'half-close' },
    ]);
    rows.push([
        'random bytes',
        Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7919) % 256)),
        '400|none|bare',
        { then: 'half-close' },
    ]);
    rows.push([
        'Expect: 100-continue',
        { method: 'POST', path: '/auth/nonce', headers: [['Expect', '100-continue']], body: { wallet: 1 } },
        [['100', '400 invalid wallet'], ['400 invalid wallet']],
    ]);
    rows.push([
        'Expect: 100-continue for 5 MiB',
        create(world, ['Expect: 100-continue', `Content-Length: ${5 << 20}`], ''),
        '413|417',
        { then: 'half-close' },
    ]);
    rows.push([
        'Expect: something',
        { method: 'POST', path: '/auth/nonce', headers: [['Expect', 'something']], body: { wallet: 1 } },
        '417|400 invalid wallet',
    ]);
    rows.push([
        'Upgrade: websocket',
        {
            method: 'GET',
            path: '/credits',
            headers: [
                ['Upgrade', 'websocket'],
                ['Connection', 'Upgrade, close'],
                ['Sec-WebSocket-Key', 'eHh4eHh4eHh4eHh4eHh4eA=='],
                ['Sec-WebSocket-Version', '13'],
            ],
        },
        '401 unauthorized',
    ]);
    rows.push(['Range', { method: 'GET', path: '/health', headers: [['Range', 'bytes=0-0,1-1,2-2']] }, '200|206|416']);
    rows.push([
        'If-None-Match of everything',
        { method: 'GET', path: '/rooms/active', headers: [['If-None-Match', '*']] },
        '304',
    ]);
    rows.push([
        'TE and Trailer',
        {
            method: 'GET',
            path: '/credits',
            headers: [
                ['TE', 'trailers'],
                ['Trailer', 'Authorization'],
            ],
        },
        '401 unauthorized',
    ]);
    rows.push([
        'Connection names Authorization',
        { method: 'GET', path: '/credits', headers: [['Connection', 'close, Authorization'], good] },
        '200|401 unauthorized',
    ]);
    return rows;
}

export function methods(world) {
    const rows = [];
    const known = ['PUT', 'PATCH', 'PROPFIND', 'MKCOL', 'COPY', 'LOCK'];
    for (const method of known)
        rows.push([`${method} where GET is`, { method, path: '/credits', as: 'member' }, '405 method_not_allowed']);
    rows.push(['DELETE where GET is', { method: 'DELETE', path: '/credits', as: 'member' }, '405 method_not_allowed']);
    rows.push([
        'GET where POST is',
        { method: 'GET', path: '/rooms/create', as: 'stranger' },
        '405 method_not_allowed',
    ]);
    rows.push(['HEAD where POST is', { method: 'HEAD', path: '/rooms/create', as: 'stranger' }, '405']);
    rows.push(['POST where GET is', { method: 'POST', path: '/credits', as: 'member' }, '405 method_not_allowed']);
    rows.push(['HEAD where DELETE is too', { method: 'HEAD', path: `/rooms/${world.roomId}`, as: 'member' }, '200']);
    rows.push([
        'POST where DELETE is',
        { method: 'POST', path: `/rooms/${world.roomId}`, as: 'host' },
        '405 method_not_allowed',
    ]);
    rows.push([
        'GET of a participant',
        { method: 'GET', path: `/rooms/${world.roomId}/participants/${world.host.seat.connection_id}`, as: 'host' },
        '405 method_not_allowed',
    ]);
    const foreign = {
        lighttpd: '501',
        nginx: '405 method_not_allowed|400',
        because: 'nginx hands on any word in capitals',
    };
    for (const method of ['FOO', 'BREW', 'X'.repeat(200), 'DELETEX', 'OPTIONSX', 'GET_'])
        rows.push([`method ${method.slice(0, 10)}`, { method, path: '/credits', as: 'member' }, foreign]);
    for (const method of ['get', 'Post', 'delete', 'GE T', 'G\0T', '', 'GET\t', '<x>', 'é'])
        rows.push([`method ${JSON.stringify(method)}`, { method, path: '/credits', as: 'member' }, '400|501']);
    rows.push(['TRACE', { method: 'TRACE', path: '/credits', as: 'member' }, '405|403|405 method_not_allowed']);
    rows.push([
        'CONNECT',
        { method: 'CONNECT', path: 'localhost:80', as: 'member' },
        '400|405|501|405 method_not_allowed',
    ]);
    rows.push([
        'CONNECT with a path',
        { method: 'CONNECT', path: '/credits', as: 'member' },
        '400|405|501|405 method_not_allowed',
    ]);
    rows.push(['OPTIONS *', { method: 'OPTIONS', path: '*' }, '200|204|400']);
    rows.push(['OPTIONS', { method: 'OPTIONS', path: '/rooms/create', as: 'stranger' }, '204']);
    rows.push(['OPTIONS of what there is not', { method: 'OPTIONS', path: '/../etc/passwd' }, '204|400']);
    rows.push(['HEAD', { method: 'HEAD', path: '/credits', as: 'member' }, '200']);
    rows.push(['HEAD and nobody', { method: 'HEAD', path: '/credits' }, '401']);
    return rows;
}

// What each web server refuses itself; all else is for the program to know or not.
const refused = {
    lighttpd: /[\x00-\x1f\x7f\xc0\xc1\xf5-\xff]|%0[0ad]|%c[01]|%f[5-f]|^[^/h]/i, // control characters, broken UTF-8
    nginx: /[\x00-\x1f\x7f]|%00|%(?![0-9a-f]{2})|^\/(\.|%2e){2}(\/|%2f|$)|^[^/h]/i, // also what climbs above the root
};
const unknown = (path) => ({
    lighttpd: refused.lighttpd.test(path) ? '400' : notFound,
    nginx: refused.nginx.test(path) ? '400' : notFound,
});

// No other spelling of a path is that path.
export function paths(world) {
    const rows = [];
    const spell = (path, answered = unknown(path)) =>
        rows.push([`path ${JSON.stringify(path.slice(0, 60))}`, { method: 'GET', path, as: 'member' }, answered]);
    const spellings = [
        '/rooms%2factive',
        '/rooms%2Factive',
        '/rooms%252factive',
        '/rooms%c0%afactive',
        '/rooms%e0%80%afactive',
        '/rooms%5cactive',
        '/rooms\\active',
        '\\credits',
        '/.\\credits',
    ];
    spellings.push(
        '/credits%00',
        '/credits%00.json',
        '/cred%00its',
        '/%00',
        '/credits%0a',
        '/credits%0d%0a',
        '/credits%20',
        '/credits.',
        '/credits;x',
        '/credits;/..',
        '/credits%3f',
        '/credits%23',
    );
    spellings.push(
        '//credits',
        '///credits',
        '/credits//',
        '/rooms//active',
        '/./credits',
        '/credits/.',
        '/credits/..',
        '/rooms/./active',
        '/rooms/../credits',
        '/rooms/active/..',
        '/x/../credits',
        '/../credits',
        '/../../etc/passwd',
        '/..',
        '/.',
    );
    spellings.push(
        '/%2e/credits',
        '/rooms/%2e%2e/credits',
        '/rooms/%2E%2E/credits',
        '/rooms/.%2e/credits',
        '/%2e%2e/credits',
        '/rooms/%252e%252e/credits',
        '/%c0%ae%c0%ae/credits',
        '/..%2fcredits',
        '/..;/credits',
        '/x/..%5c../credits',
    );
    spellings.push(
        '/Credits',
        '/CREDITS',
        '/%63redits',
        '/credit%73',
        '/%2563redits',
        '/credits/x',
        '/creditsx',
        '/rooms',
        '/session',
        '/auth',
        '/session/7',
        '/session/7/leave/x',
        '/rooms/active/x',
        '/index.html',
        '/.env',
        '/session-voice.env',
        '/cgi-bin/session-voice/credits',
        '/var/session-voice.db',
    );
    spellings.push(
        '/%',
        '/%2',
        '/%zz',
        '/%u002fcredits',
        '/credits%',
        '/\xff\xfe',
        '/%ff%fe',
        '/é',
        '/credits\x7f',
        '/credits\x01',
        '/credits"',
        "/credits'",
        '/<script>',
    );
    for (const path of spellings) spell(path);
    spell('/rooms/Active', '404 room_not_found'); // which a room could be called
    spell('/credits/', '200');
    spell('/', '200'); // the page
    spell('/credits?', '200');
    spell('/credits?a=/../b', '200');
    spell('/credits/?%00', '200|400');
    spell('/credits?x=%0d%0aSet-Cookie:%20x', '200|400');
    spell('/credits#x', '200|400|404 not_found');
    spell('http://localhost/credits', '200');
    spell('HTTP://evil.example.org/credits', '200|400');
    spell('http://localhost//credits');
    spell('http://localhost/rooms/../credits');
    spell('http://localhost', '200|400|404 not_found');
    spell('http:///credits', '200|400|404 not_found');
    spell('http://a b/credits', '400');
    spell('ftp://localhost/credits', '200|400|404 not_found');
    spell('credits', '400');
    spell('*', `400|${notFound}`);
    spell('?', `400|${notFound}`);
    spell('', '400');
    const posts = [
        '/rooms%2fcreate',
        '/rooms/x/../create',
        '//rooms/create',
        '/rooms/./create',
        '/rooms/create%00',
        '/rooms/%63reate',
        '/Rooms/create',
        '/rooms/create%2f',
        '/rooms/create//',
        '/rooms/create;',
        '/x/%2e%2e/rooms/create',
        '/rooms%5ccreate',
        '/rooms/create%20',
    ];
    for (const path of posts)
        rows.push([`POST ${path}`, { method: 'POST', path, as: 'stranger' }, `400|${notFound}|405 method_not_allowed`]);
    const room = world.roomId;
    const deletions = [
        `/rooms/${room}/..`,
        `/rooms//${room}`,
        `/rooms/%2e/${room}`,
        `/rooms%2f${room}`,
        `/rooms/${room}%00`,
        `/rooms/${room}%20`,
        `/rooms/${room};`,
        `/rooms/{${room}}`,
        `/rooms/${room.replaceAll('-', '')}`,
        `/rooms/ ${room}`,
        `/rooms/%${room.charCodeAt(0).toString(16)}${room.slice(1)}`,
    ];
    for (const path of deletions)
        rows.push([
            `DELETE ${path.replace(room, 'ROOM')}`,
            { method: 'DELETE', path, as: 'host' },
            `400|${notFound}|404 room_not_found|405 method_not_allowed`,
        ]);
    return rows;
}
