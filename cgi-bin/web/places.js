// Where a stay can be: what it asks of the service there, and which answers end it.

const roomEndings = {
    signed_out: 'signed_out',
    banned: 'banned',
    room_not_found: 'room_gone',
    removed_from_room: 'removed',
    room_full: 'room_full',
    room_type_mismatch: 'room_gone',
    insufficient_credits: 'credits_exhausted',
    heaven_name_required: 'credits_exhausted',
    already_in_free_room: 'replaced',
};

const callerOf = ({ room_id, connection_id }) => ({ room_id, connection_id });

// `call(method, path, options)` sends one request.
export const roomPlace = (room_id) => ({
    name: `room ${room_id}`,
    lock: 'room',
    room_id,
    endings: roomEndings,
    isMetered: true,
    join: (call, options) => call('POST', 'rooms/join', { body: { room_id }, ...options }),
    beat: (call, seat) => call('POST', 'rooms/heartbeat', { body: callerOf(seat) }),
    renew: (call, seat) => call('POST', 'rooms/token/renew', { body: callerOf(seat) }),
    leave: (call, seat, options) => call('POST', 'rooms/leave', { body: callerOf(seat), ...options }),
    seatOf: ({ room_id, channel, connection_id, agora_uid, host_wallet, is_host, agora_token }) => ({
        room_id,
        channel,
        connection_id,
        agora_uid,
        host_wallet,
        is_host,
        agora_token,
    }),
    // The seat that the wallet holds here, if there is one.
    async findOwn(call) {
        const { body } = await call('GET', 'credits/history?limit=1', { asItIs: true });
        return body.pending?.room_id === room_id ? body.pending : undefined;
    },
    // A seat to take over; its token is another's.
    async find(call, connection_id, wallet) {
        const { body } = await call('GET', `rooms/${encodeURIComponent(room_id)}`);
        const { channel, host_wallet } = body;
        const held = body.participants.find((participant) => participant.connection_id === connection_id);
        if (held === undefined) return undefined;
        const { agora_uid } = held;
        return { room_id, channel, connection_id, agora_uid, host_wallet, is_host: host_wallet === wallet };
    },
});

const sessionEndings = {
    signed_out: 'signed_out',
    'session has ended': 'session_over',
    'booking not active': 'session_over',
    'booking not found': 'session_over',
    'slot not found': 'session_over',
    'not a participant': 'session_over',
    'too early to join': 'session_over',
    'invalid booking_id': 'session_over',
};

// A booked session: its token is good to the end, nothing is charged, and joining again replaces the seat.
export const sessionPlace = (booking_id) => ({
    name: `session ${booking_id}`,
    lock: `session ${booking_id}`,
    booking_id,
    endings: sessionEndings,
    isMetered: false,
    join: (call) => call('POST', 'session/join', { body: { booking_id } }),
    leave: (call, seat, { keepalive, asItIs } = {}) =>
        call('POST', `session/${encodeURIComponent(booking_id)}/leave`, { keepalive, asItIs }),
    findOwn: async () => ({}), // leaving names the booking alone
    seatOf: ({ channel, user_uid, agora_token }) => ({ booking_id, channel, agora_uid: user_uid, agora_token }),
});
