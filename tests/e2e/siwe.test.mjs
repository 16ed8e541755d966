// The messages of vectors/siwe.json, read by siwe and viem: they agree with it, or a note there tells why not.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { SiweMessage } from 'siwe';
import { createSiweMessage, parseSiweMessage } from 'viem/siwe';
import { root } from './service.mjs';

const { messages } = JSON.parse(readFileSync(path.join(root, 'tests/vectors/siwe.json'), 'utf8'));
const good = messages.filter(({ fields }) => fields !== null);
const times = ['issuedAt', 'expirationTime', 'notBefore'];
const texts = ['scheme', 'domain', 'address', 'statement', 'uri', 'nonce', 'requestId'];

// Fields that can be compared: without those that are not there, and with the chain id as text.
function comparable(fields) {
    const names = [...texts, ...times, 'resources'].filter((name) => fields[name] !== undefined);
    return { ...Object.fromEntries(names.map((name) => [name, fields[name]])), chainId: String(fields.chainId) };
}

// With milliseconds for the dates.
function withInstants(fields, instantOf) {
    const known = times.filter((name) => fields[name] !== undefined);
    return comparable({ ...fields, ...Object.fromEntries(known.map((name) => [name, instantOf(name)])) });
}

// What each peer makes of a message, and what that must be: nothing for one that it refuses.
const peers = {
    siwe: {
        read({ message }) {
            try {
                return comparable(new SiweMessage(message));
            } catch {
                return null;
            }
        },
        wanted: ({ fields }) => comparable(fields),
    },
    // Its reader takes whatever has the lines. Only what its writer makes of the fields tells whether that is all.
    viem: {
        read({ message }) {
            try {
                const fields = parseSiweMessage(message);
                if (createSiweMessage(fields) !== message) return null;
                return withInstants(fields, (name) => fields[name].getTime());
            } catch {
                return null;
            }
        },
        wanted: (vector) => withInstants(vector.fields, (name) => vector[`${name}Ms`]),
    },
};

function isAsWanted({ read, wanted }, vector) {
    try {
        assert.deepEqual(read(vector), vector.fields && wanted(vector));
        return true;
    } catch {
        return false;
    }
}

describe('sign-in messages', () => {
    for (const [name, peer] of Object.entries(peers))
        it(`${name} reads them alike, or a note tells why not`, (t) => {
            const unexplained = [];
            const needless = [];
            let differing = 0;
            for (const vector of messages) {
                const isAlike = isAsWanted(peer, vector);
                const note = vector.notes?.[name];
                differing += isAlike ? 0 : 1;
                if (!isAlike && !note) unexplained.push(vector.name);
                if (isAlike && note) needless.push(vector.name);
            }
            t.diagnostic(
                `${messages.length} messages, ${good.length} good; ${name} agrees on ${messages.length - differing}` +
                    ` and differs, with a note, on ${differing - unexplained.length}`,
            );
            assert.deepEqual(unexplained, [], 'a difference without a note');
            assert.deepEqual(needless, [], 'a note without a difference');
        });

    it('have a name each', () => assert.equal(new Set(messages.map(({ name }) => name)).size, messages.length));

    it('differ', () => assert.equal(new Set(messages.map(({ message }) => message)).size, messages.length));

    it('the fields of a good one, written in their order, are the message', () => {
        const line = (label, value) => (value === undefined ? '' : `\n${label}: ${value}`);
        for (const { name, message, fields } of good) {
            const scheme = fields.scheme === undefined ? '' : `${fields.scheme}://`;
            const resources = fields.resources?.map((resource) => `\n- ${resource}`).join('');
            const written =
                `${scheme}${fields.domain} wants you to sign in with your Ethereum account:\n${fields.address}\n\n` +
                (fields.statement === undefined ? '' : `${fields.statement}\n`) +
                line('URI', fields.uri) +
                line('Version', 1) +
                line('Chain ID', fields.chainId) +
                line('Nonce', fields.nonce) +
                line('Issued At', fields.issuedAt) +
                line('Expiration Time', fields.expirationTime) +
                line('Not Before', fields.notBefore) +
                line('Request ID', fields.requestId) +
                (resources === undefined ? '' : `\nResources:${resources}`);
            assert.equal(written, message, name);
        }
    });

    // JavaScript knows no second 60 and no small letters; digits behind the milliseconds are cut off.
    it('the instants of a good one are those of its dates', () => {
        for (const vector of good)
            for (const field of times) {
                const text = vector.fields[field];
                const instant = vector[`${field}Ms`];
                assert.equal(instant === undefined, text === undefined, vector.name);
                if (text === undefined) continue;
                const known = text.toUpperCase().replace(/(\.\d{3})\d+/, '$1');
                const leap = known.includes(':60') ? 1000 : 0;
                assert.equal(instant, Date.parse(known.replace(':60', ':59')) + leap, `${vector.name}: ${text}`);
            }
    });

    it('the host of a good one is that of its URI, without the user', () => {
        for (const { name, fields, uriHost } of good) {
            const [, authority = ''] = fields.uri.match(/^[^:/?#]+:(?:\/\/([^/?#]*))?/); // RFC 3986, appendix B
            assert.equal(uriHost, authority.replace(/^.*@/, ''), name);
        }
    });

    it('one that is refused has no instants and no host', () => {
        const known = ['name', 'message', 'fields', 'notes'];
        for (const vector of messages) {
            if (vector.fields !== null) continue;
            const others = Object.keys(vector).filter((key) => !known.includes(key));
            assert.deepEqual(others, [], vector.name);
        }
    });
});
