// What an app does from sign-in to the closed room, with a client whose types openapi-typescript made of
// /openapi.json. Whatever the document has wrong is an error of the compiler here, or of the service when it runs.
import createClient from 'openapi-fetch';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { components, paths } from './schema.js';

function assert(condition: boolean, what: string): asserts condition {
    if (!condition) throw new Error(what);
}

function given<Data>({ data, error, response }: { data?: Data; error?: unknown; response: Response }): Data {
    if (data === undefined) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
    return data;
}

const connect = (baseUrl: string) => createClient<paths>({ baseUrl });

async function signIn(baseUrl: string, account: PrivateKeyAccount) {
    const client = connect(baseUrl);
    const wallet = account.address;
    const { nonce } = given(await client.POST('/auth/nonce', { body: { wallet } }));

    const other = await client.POST('/auth/verify', { body: { wallet, signature: '0x', nonce } });
    assert(other.error?.error === 'invalid signature', 'a bad signature is refused');

    const signature = await account.signMessage({ message: nonce });
    const { token } = given(await client.POST('/auth/verify', { body: { wallet, signature, nonce } }));
    client.use({
        onRequest({ request }) {
            request.headers.set('Authorization', `Bearer ${token}`);
            return request;
        },
    });
    return client;
}

async function list(client: ReturnType<typeof connect>) {
    const listed = await client.GET('/rooms/active');
    const { rooms } = given(listed);
    const etag = listed.response.headers.get('ETag');
    assert(etag !== null, 'the listing has a tag');
    const again = await client.GET('/rooms/active', { params: { header: { 'If-None-Match': etag } } });
    assert(again.response.status === 304 && again.data === undefined, 'the listing is the same');
    return rooms;
}

export async function flow(baseUrl: string, account: PrivateKeyAccount) {
    const anybody = connect(baseUrl);
    const unsigned = await anybody.GET('/credits');
    assert(unsigned.response.status === 401 && unsigned.error?.error === 'unauthorized', 'a token is needed');
    assert(given(await anybody.GET('/health')).ok, 'the service is healthy');

    const client = await signIn(baseUrl, account);
    assert(given(await client.GET('/credits')).remaining_seconds === 0, 'nothing is there at first');
    const { room_id, channel } = given(await client.POST('/rooms/create', { body: { visibility: 'open' } }));
    const granted = given(await client.GET('/credits'));
    assert(granted.remaining_seconds === granted.base_granted_seconds, 'the base grant is there');

    const twice = await client.POST('/rooms/create', { body: {} });
    assert(twice.error?.error === 'already_hosting_free_room', 'one room for one host');
    assert(twice.error.room_id === room_id, 'which is this one'); // a field of that error alone

    const seat: components['schemas']['Seat'] = given(await client.POST('/rooms/join', { body: { room_id } }));
    assert(seat.channel === channel && seat.is_host, 'the seat is in the room');
    const body = { room_id, connection_id: seat.connection_id };
    const hosted = (await list(client)).find((room) => room.room_id === room_id);
    assert(hosted?.host_wallet === seat.host_wallet && hosted.participant_count === 1, 'the room is listed');

    const beat = given(await client.POST('/rooms/heartbeat', { body }));
    const types: ('credits_low' | 'credits_exhausted')[] = beat.events.map(({ type }) => type);
    assert(beat.ok && types.length === 0, 'nothing has happened');
    const renewed = given(await client.POST('/rooms/token/renew', { body }));
    assert('agora_token' in renewed && renewed.token_expires_in_seconds > 0, 'the token is renewed');

    const left = given(await client.POST('/rooms/leave', { body }));
    assert(left.closed, 'the room is closed');
    const late = await client.POST('/rooms/heartbeat', { body });
    assert(late.error?.error === 'not_your_connection', 'it is over');
    const { remaining_seconds, consumed_seconds } = given(await client.GET('/credits'));
    assert(remaining_seconds === left.remaining_seconds, 'the balance is what leaving said');
    assert(consumed_seconds === left.debited_seconds, 'and so is what was consumed');
    assert(!(await list(client)).some((room) => room.room_id === room_id), 'the room is not listed any more');
    return seat;
}

// Never called: what the types must refuse.
export async function mistakes(baseUrl: string) {
    const client = connect(baseUrl);
    // @ts-expect-error a required field is missing
    await client.POST('/rooms/join', { body: {} });
    // @ts-expect-error no such path
    await client.GET('/rooms');
    // @ts-expect-error no such method
    await client.POST('/rooms/active');
    const { data, error } = await client.POST('/auth/nonce', { body: { wallet: '0x' } });
    // @ts-expect-error no such error of this operation
    assert(error?.error !== 'room_full', '');
    // @ts-expect-error no such field
    assert(data?.token === undefined, '');
}
