// A life: one wallet, its device, its network and its service, for some hours that are made up, and the judge of it.
//
// Every second of every hour is judged. The service charges for the seconds of an open seat whose token is good; the
// client believes itself in, or not.
// - In, it holds a token that is good by the service's own clock.
// - Charged and not in, there is a reason that no client could help: it holds no good token, as far as any answer that
//   reached it can tell, or it has left and the service has not heard of it. When conditions have been good for five
//   seconds there is no such reason any more.
// - Such a second without an answer ends with a token, 90 s after the answer that was lost. Only an answer that did
//   arrive permits asking for another token. So a spell of them is no longer than that for each answer in it.
// - In and not charged, it has been removed: with the next heartbeat at the latest it knows.
// - Lost, it is back or has ended within five seconds of good conditions.
import assert from 'node:assert/strict';
import { Client } from '../../../cgi-bin/web/client.js';
import { Model, rules } from './model.mjs';
import { Clock, Device, manners, Network, randomOf } from './world.mjs';

const minute = 60_000;
const hour = 60 * minute;
const backWithinSeconds = 5;
const throttledSeconds = 60;
const slowestAnswerSeconds = 10; // the client's own limit

export class Life {
    stay;
    isOver = false;
    isLeaving = false;
    leftAt = 0;
    lostAt = 0;
    knownUntil = 0; // to when a token that reached the client is good at least
    goodSince = Infinity;
    spell = { seconds: 0, answers: 0 };
    inVain = 0; // seconds in without being charged, in good conditions
    counts = { charged: 0, believed: 0, unaware: 0, leaving: 0, joins: 0, backs: 0, losses: 0 };

    constructor(seedOfLife) {
        this.seed = seedOfLife;
        this.random = randomOf(seedOfLife);
        this.start = 1.7e12 + Math.floor(this.random() * minute);
        this.clock = new Clock(this.start, (second) => this.judge(second));
        this.model = new Model(this.clock.now);
        this.model.balance = 10_000;
        this.network = new Network(this.clock, this.random, this.model, (...told) => this.learn(...told));
        this.device = this.network.device = new Device(this.clock, this.random, this.network);
        const { environment } = this.device;
        this.client = new Client({ url: environment.location.href, environment });
    }

    between(least, most) {
        return least + this.random() * (most - least);
    }

    // Short ones are frequent, long ones are not.
    spread(least, most) {
        return least * (most / least) ** this.random();
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)];
    }

    // ---- what is known without asking the client ----

    learn({ json: answer, headersSent }, sentAt) {
        this.spell.answers += 1;
        if (answer.agora_token === undefined || headersSent['Idempotency-Replayed']) return; // it may be old
        const seatId = Model.seatOf(answer.agora_token);
        if (seatId !== this.knownSeatId) this.knownUntil = 0;
        this.knownSeatId = seatId;
        this.knownUntil = Math.max(this.knownUntil, sentAt + (rules.tokenSeconds - 1) * 1000);
    }

    get isGood() {
        const { device, network } = this;
        const isHeld = this.clock.time <= network.heldUntil + 2000;
        return network.manner === 'good' && !device.isAsleep && !device.isFrozen && !isHeld;
    }

    // In seconds, what it may take in good conditions.
    get patience() {
        return backWithinSeconds + (this.device.isThrottled ? throttledSeconds : 0);
    }

    // How long conditions have been good enough to act in.
    goodForSeconds(second) {
        if (!this.isGood) this.goodSince = Infinity;
        else if (this.goodSince === Infinity) this.goodSince = second;
        return second - Math.max(this.goodSince, this.throttledUntil ?? 0);
    }

    // ---- the judge ----

    judge(second) {
        const isIn = this.stay?.state === 'in';
        const isCharged = this.model.isCharged(second);
        const goodFor = this.goodForSeconds(second);
        this.counts.charged += isCharged;
        this.counts.believed += isIn;
        const say = (what) => `${what}, second ${second - Math.floor(this.start / 1000)} of life ${this.seed}`;
        if (isIn) this.judgeToken(second, say);
        if (isCharged && !isIn) this.judgeCharge(second, goodFor, say);
        else this.spell = { seconds: 0, answers: 0 };
        this.inVain = isIn && !isCharged && goodFor > this.patience - backWithinSeconds ? this.inVain + 1 : 0;
        const mostInVain = rules.beatSeconds + backWithinSeconds + (this.device.isHidden ? throttledSeconds : 0);
        assert.ok(this.inVain <= mostInVain, say('does not notice that its seat is gone'));
        const canReturnFor = Math.min(goodFor, second - Math.max(this.lostAt, this.knownUntil / 1000));
        if (canReturnFor > this.patience) assert.notEqual(this.stay?.state, 'lost', say('not back'));
    }

    judgeToken(second, say) {
        assert.ok(second * 1000 < Model.endOf(this.stay.seat.agora_token), say('in without a good token'));
    }

    judgeCharge(second, goodFor, say) {
        const isUnaware = this.knownSeatId !== this.model.seat.id || this.knownUntil <= second * 1000;
        const isLeaving = this.isLeaving || this.model.seat.id === this.leftSeatId;
        const reason = isLeaving ? 'leaving' : 'unaware';
        assert.ok(isUnaware || isLeaving, say('charged, with a good token, and not in'));
        const actsFor = Math.min(goodFor, second - Math.max(this.leftAt, this.knownUntil / 1000));
        if (!this.isJoining) assert.ok(actsFor <= this.patience, say(`charged in good conditions, ${reason}`));
        this.counts[reason] += 1;
        this.spell.seconds += 1;
        const most = (1 + this.spell.answers) * (rules.tokenSeconds + 1) + slowestAnswerSeconds;
        assert.ok(this.spell.seconds <= most, say(`charged for ${this.spell.seconds} s without an answer`));
    }

    judgeEnd(reason, second) {
        const { model, client } = this;
        const room = model.rooms.get(this.room_id);
        const isTrue = {
            left: this.isLeaving,
            removed: room.wasRemoved,
            room_gone: room.closed,
            credits_exhausted: model.balance < rules.leastCreditSeconds,
            signed_out: !client.isSignedIn,
            gave_up: second - this.lostAt >= 3600,
        }[reason];
        assert.ok(isTrue, `ended without a reason: ${reason}, life ${this.seed}`);
        this.counts[`ended ${reason}`] = (this.counts[`ended ${reason}`] ?? 0) + 1;
        if (reason !== 'removed' && reason !== 'room_gone') this.setOut();
    }

    // From now on it is not to be charged, as soon as the service has heard of it.
    setOut() {
        this.isLeaving = true;
        this.leftAt = this.clock.time / 1000;
        this.leftSeatId = this.stay?.seat.connection_id;
    }

    // ---- the people ----

    async ready() {
        while (this.device.isAsleep || this.device.isFrozen) await this.clock.sleep(1000);
    }

    async talk() {
        while (!this.isOver) {
            await this.clock.sleep(this.between(1000, minute));
            await this.ready();
            try {
                await this.talkOnce();
            } catch (error) {
                if (error.name !== 'ServiceError') throw error; // it told the caller
            } finally {
                this.isJoining = false;
            }
        }
    }

    async chooseRoom() {
        if (this.room_id !== undefined && this.model.admits(this.room_id) && this.random() < 0.7) return;
        this.room_id = undefined;
        const isOthers = this.random() < 0.6;
        const room_id = isOthers ? this.model.openRoomOfAnother() : (await this.client.create()).room_id;
        this.room_id = room_id;
    }

    async talkOnce() {
        if (!this.client.isSignedIn) await this.client.signInDemo();
        if (this.model.balance < rules.leastCreditSeconds) this.model.balance += 10_000;
        await this.chooseRoom();
        await this.ready();
        this.isJoining = true;
        this.counts.joins += 1;
        const stay = await this.client.join(this.room_id).catch((error) => {
            this.setOut();
            throw error;
        });
        this.isLeaving = false;
        this.isJoining = false;
        this.stay = stay;
        const ended = this.watch(stay);
        await Promise.race([ended, this.clock.sleep(this.spread(30_000, 3 * hour))]);
        await this.ready();
        if (stay.state !== 'ended') await this.leave(stay);
    }

    watch(stay) {
        stay.on('lost', () => {
            this.counts.losses += 1;
            this.lostAt = this.clock.time / 1000;
        });
        stay.on('back', () => {
            this.counts.backs += 1;
            this.isLeaving = false;
        });
        return new Promise((resolve) =>
            stay.on('ended', ({ reason }) => {
                this.judgeEnd(reason, this.clock.time / 1000);
                resolve();
            }),
        );
    }

    async leave(stay) {
        this.setOut();
        const both = [stay.leave(), stay.leave()];
        assert.equal(both[0], both[1]);
        assert.equal(stay.state, 'ended');
        if (this.random() < 0.5) await both[0];
    }

    // ---- what happens to them ----

    async weather() {
        while (!this.isOver) {
            await this.clock.sleep(this.spread(2000, hour));
            this.network.manner = this.pick(manners);
            await this.clock.sleep(this.spread(1000, 40 * minute));
            this.network.manner = 'good';
            if (this.random() < 0.5 && !this.device.isAsleep) this.device.tell('online');
        }
    }

    async habits() {
        while (!this.isOver) {
            await this.clock.sleep(this.spread(minute, 2 * hour));
            await this.pick([() => this.nap(), () => this.otherTab(), () => this.otherPage()])();
        }
    }

    async nap() {
        this.device.sleep();
        await this.clock.sleep(this.spread(5000, 3 * hour));
        this.device.wake();
        if (this.random() < 0.5) this.device.tell('visibilitychange');
    }

    async otherTab() {
        this.device.hide(this.random() < 0.7);
        await this.clock.sleep(this.spread(5000, hour));
        this.throttledUntil = Math.floor(this.clock.time / 1000);
        this.device.show();
    }

    async otherPage() {
        this.setOut();
        // A host's page keeps its seat, to the end of a token that may be on its way.
        if (this.stay?.seat.is_host) this.leftAt += rules.tokenSeconds + slowestAnswerSeconds;
        this.device.navigateAway();
        await this.clock.sleep(this.spread(1000, 10 * minute));
        this.device.navigateBack();
    }

    async others() {
        while (!this.isOver) {
            await this.clock.sleep(this.spread(5 * minute, 5 * hour));
            if (this.room_id === undefined) continue;
            if (this.random() < 0.5) this.model.close(this.room_id);
            else if (this.model.seat?.room.hasOthers) this.model.remove();
        }
    }

    // The totals of so many hours.
    async live(hoursToLive) {
        const parts = [this.talk(), this.weather(), this.habits(), this.others()];
        const failed = Promise.race([Promise.all(parts), new Promise(() => {})]);
        let failure;
        failed.catch((error) => (failure = error));
        const end = this.start + hoursToLive * hour;
        for (let time = this.start; time < end; time += minute) {
            await this.clock.runUntil(time + minute);
            if (failure !== undefined) throw failure;
        }
        await this.finish();
        return this.counts;
    }

    // Whatever is open ends, and the books agree with what was judged second by second.
    async finish() {
        this.isOver = true;
        this.network.manner = 'good';
        if (this.device.isAsleep) this.device.wake();
        if (this.device.isFrozen) this.device.navigateBack();
        await this.clock.runUntil(this.clock.time + 4 * hour);
        assert.ok(['ended', 'in', undefined].includes(this.stay?.state), 'every lost stay has ended or is back');
        if (this.stay !== undefined && this.stay.state !== 'ended') await this.lastLeave();
        this.client.dispose();
        assert.equal(this.model.isCharged(Math.floor(this.clock.time / 1000)), false);
        this.model.settle();
        assert.equal(this.model.charged, this.counts.charged);
    }

    async lastLeave() {
        this.setOut();
        this.stay.leave();
        await this.clock.runUntil(this.clock.time + minute);
    }
}
