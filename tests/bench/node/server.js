// The same heartbeat written in Node, for comparison: Hono, better-sqlite3, two workers. It works on a copy of the
// same database, in the same steps: access token, then one statement that reads ban, account and stay. With WRITES=yes
// each is charged as well, with its ledger event in one transaction, which the service does only where an event is due.
// Environment: PORT, DATABASE_PATH, JWT_SECRET, WRITES.
import cluster from 'node:cluster'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { serve } from '@hono/node-server'
import Database from 'better-sqlite3'
import { Hono } from 'hono'

const workers = 2
const low_credit_seconds = 300
const { PORT, DATABASE_PATH, JWT_SECRET, WRITES } = process.env

// The wallet of a valid token, or undefined.
function wallet_of(authorization, now) {
    const [header, claims, signature, ...more] = (authorization ?? '').replace(/^Bearer /, '').split('.')
    if (!signature || more.length > 0) return undefined
    const expected = createHmac('sha256', JWT_SECRET).update(`${header}.${claims}`).digest()
    const given = Buffer.from(signature, 'base64url')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    if (JSON.parse(Buffer.from(header, 'base64url')).alg !== 'HS256') return undefined
    const { sub, exp } = JSON.parse(Buffer.from(claims, 'base64url'))
    return exp > now ? sub : undefined
}

function make_app() {
    const db = new Database(DATABASE_PATH, { timeout: 5000 })
    db.pragma('synchronous = NORMAL')
    db.pragma('foreign_keys = ON')
    const find_connection = db.prepare('SELECT * FROM connections WHERE connection_id = ?')
    const find_standing = db.prepare(`SELECT c.wallet,
        a.base_granted_seconds, a.bonus_granted_seconds, a.adjusted_seconds, a.consumed_seconds, a.remaining_seconds,
        c.room_id, c.kind, c.connection_id, c.agora_uid, c.joined_at, c.token_expires_at, c.last_metered_at,
        c.debited_seconds, c.left_at, c.credits_low_at, c.credits_low_remaining_seconds, c.credits_exhausted_at,
        c.events_delivered
        FROM connections c LEFT JOIN credit_accounts a ON a.wallet = c.wallet
        WHERE c.connection_id = :connection_id AND c.wallet = :wallet`)
    const find_balance = db.prepare('SELECT remaining_seconds FROM credit_accounts WHERE wallet = ?').pluck()
    const take = db.prepare(`UPDATE credit_accounts SET consumed_seconds = consumed_seconds + :seconds,
        remaining_seconds = remaining_seconds - :seconds WHERE wallet = :wallet`)
    const append_event = db.prepare(`INSERT INTO credit_events (wallet, event_id, kind, delta_seconds,
        balance_after_seconds, connection_id, created_at) VALUES (:wallet, (SELECT coalesce(max(event_id), 0) + 1
        FROM credit_events WHERE wallet = :wallet), 'debit_usage', :delta, :balance, :connection_id, :now)`)
    const update_connection = db.prepare(`UPDATE connections SET last_metered_at = :last_metered_at,
        debited_seconds = :debited_seconds, credits_low_at = :credits_low_at,
        credits_low_remaining_seconds = :credits_low_remaining_seconds, credits_exhausted_at = :credits_exhausted_at,
        events_delivered = :events_delivered WHERE connection_id = :connection_id`)

    const is_there = (connection, wallet, room_id, now) => connection && connection.wallet === wallet &&
        connection.room_id === room_id && connection.kind === 'free' && connection.left_at === null &&
        connection.token_expires_at > now
    const elapsed_of = (connection, now) =>
        Math.max(0, Math.min(now, connection.token_expires_at) - connection.last_metered_at)

    // Both answer nothing for a connection that is not the caller's.
    const charge = db.transaction((wallet, room_id, connection_id, now) => {
        const connection = find_connection.get(connection_id)
        if (!is_there(connection, wallet, room_id, now)) return undefined
        const elapsed = elapsed_of(connection, now)
        const balance = find_balance.get(wallet) ?? 0
        const seconds = Math.min(elapsed, balance)
        const remaining_seconds = balance - seconds
        if (seconds > 0) {
            take.run({ seconds, wallet })
            append_event.run({ wallet, delta: -seconds, balance: remaining_seconds, connection_id, now })
        }
        connection.debited_seconds += seconds
        connection.last_metered_at += elapsed
        if (remaining_seconds <= low_credit_seconds && connection.credits_low_at === null) {
            connection.credits_low_at = now
            connection.credits_low_remaining_seconds = remaining_seconds
        }
        if (remaining_seconds === 0) connection.credits_exhausted_at ??= now
        const events = []
        if (connection.credits_low_at !== null)
            events.push({ type: 'credits_low', wallet, remaining_seconds: connection.credits_low_remaining_seconds,
                          at_epoch: connection.credits_low_at })
        if (connection.credits_exhausted_at !== null)
            events.push({ type: 'credits_exhausted', wallet, remaining_seconds: 0,
                          at_epoch: connection.credits_exhausted_at })
        events.splice(0, connection.events_delivered)
        connection.events_delivered += events.length
        if (elapsed > 0 || events.length > 0) update_connection.run(connection)
        return { ok: true, remaining_seconds, events }
    }).immediate
    const look = (wallet, room_id, connection_id, now) => {
        const standing = find_standing.get({ wallet, connection_id })
        if (!is_there(standing, wallet, room_id, now)) return undefined
        const remaining_seconds = Math.max(0, (standing.remaining_seconds ?? 0) - elapsed_of(standing, now))
        const raised = (standing.credits_low_at !== null) + (standing.credits_exhausted_at !== null)
        const is_event_due = raised > standing.events_delivered ||
            (remaining_seconds <= low_credit_seconds && standing.credits_low_at === null) ||
            (remaining_seconds === 0 && standing.credits_exhausted_at === null)
        return is_event_due ? charge(wallet, room_id, connection_id, now) : { ok: true, remaining_seconds, events: [] }
    }
    const heartbeat = WRITES === 'yes' ? charge : look

    const app = new Hono()
    app.get('/health', c => c.json({ ok: true }))
    app.post('/rooms/heartbeat', async c => {
        const now = Math.floor(Date.now() / 1000)
        const wallet = wallet_of(c.req.header('Authorization'), now)
        if (!wallet) return c.json({ error: 'unauthorized' }, 401)
        const { room_id, connection_id } = await c.req.json()
        if (typeof room_id !== 'string' || typeof connection_id !== 'string')
            return c.json({ error: 'missing room_id or connection_id' }, 400)
        const answer = heartbeat(wallet, room_id, connection_id, now)
        return answer ? c.json(answer) : c.json({ error: 'not_your_connection' }, 403)
    })
    return app
}

if (cluster.isPrimary) {
    const db = new Database(DATABASE_PATH)
    db.pragma('journal_mode = WAL') // once, while nobody else has it open
    db.close()
    for (let i = 0; i < workers; ++i) cluster.fork()
    process.on('SIGTERM', () => process.exit(0))
} else {
    process.on('disconnect', () => process.exit(0)) // the primary has ended
    serve({ fetch: make_app().fetch, hostname: '127.0.0.1', port: Number(PORT) })
}
