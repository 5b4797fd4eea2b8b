/** The hub of a node takes events from the bus and gives their frames to the consumers of the node, once per turn. */

import { type Close, internalError, peerGone, pongsUnread, protocolError, slowConsumer } from "../domain/closes.js";
import { Closings } from "./closings.js";
import { Consumer } from "./consumer.js";
import { narrowedFrame, positionFrame } from "./control-frames.js";
import { ControlStreams } from "./control-streams.js";
import { Conversations } from "./conversations.js";
import { drainSchedule, shuffle } from "./drain-schedule.js";
import { createGapTeller } from "./gaps.js";
import { Heartbeat } from "./heartbeat.js";
import type { Hub, HubOptions, HubStats } from "./hub.js";
import { createIntake } from "./intake.js";
import { Narrowings } from "./narrowings.js";
import { createOwnerChanges } from "./owner-changes.js";
import { PastCloses } from "./past-closes.js";
import { Replays } from "./replays.js";
import type { StreamGroup } from "./stream-group.js";
import { StreamRegistry } from "./stream-registry.js";
import { Turns } from "./turns.js";
import { Waiting } from "./waiting.js";
import { createWelcomes } from "./welcomes.js";

/** How many ms a connection may take no byte, or stay blocked after its close was decided. Then the hub cuts it. */
const closeGraceMsDefault = 60_000;
const idleSecondsDefault = 48;
/**
 * How many ms a node that shuts down waits, after the last close of the drain, for consumers that have not yet read what
 * comes before their close reason. Then it cuts a blocked consumer, and sends any other its reason.
 */
const shutdownGraceMs = 5_000;

/**
 * Most bytes of unread pongs that wait for one peer. The bytes of a broadcast count too until delivery has checked the
 * peer's connection.
 */
const pongBytesMax = 256 * 1024;

export function createHub({ bus, history, findEntry, pendingBytesMax, ...options }: HubOptions): Hub {
  const { closeGraceMs = closeGraceMsDefault, idleSeconds = idleSecondsDefault, onClosed = () => {} } = options;
  const { heartbeatSeconds = Math.max(1, Math.floor(idleSeconds / 2)) } = options;
  const waiting = new Waiting(options.waitingBytesMax ?? Number.POSITIVE_INFINITY);
  const conversations = new Conversations();
  const pastCloses = new PastCloses(history);
  const controls = new ControlStreams({
    heartbeatSeconds,
    onQuiet: (stream) => intake.announceToJoined(stream, positionFrame(stream.group.position)),
  });
  const registry = new StreamRegistry(bus, findEntry, {
    pendingBytesMax,
    waiting,
    controls,
    history,
    receive: (group, event) => intake.receive(group, event),
    receiveKept: (group, event, position) => intake.receiveKept(group, event, position),
    onAdmitted: (consumer, offset) => conversations.greet(consumer, offset),
  });
  const narrowings = new Narrowings(registry, (consumer, begun) => conversations.stand(consumer, begun));
  const stats: HubStats = {
    consumers: 0,
    events: 0,
    filtered: 0,
    framesBuilt: 0,
    framesDelivered: 0,
    resumes: new Map(),
    closes: new Map(),
  };
  const replays = new Replays({
    onJoined(consumer, frames) {
      const { joinedAt: offset, stream } = consumer;
      conversations.stand(consumer, { offset, position: stream.group.position }, frames);
    },
    onOvertaken: (consumer) =>
      turns.atEnd(() => {
        // The history has gone away, so the replay cannot end. The consumer is not to blame.
        if (consumer.stream.group.position === undefined) closeEach([consumer], internalError);
        else closeSlow(consumer);
      }),
    onDelivered(frames) {
      stats.framesDelivered += frames;
    },
  });
  const welcome = createWelcomes({
    conversations,
    pastCloses,
    replays,
    history,
    stats,
    heartbeatSeconds,
    waitingBytesMax: pendingBytesMax,
  });
  const turns = new Turns({
    resume,
    prepare() {
      conversations.tell();
      replays.proceed();
      narrowings.begin();
    },
    flush(stream, all) {
      stats.framesDelivered += stream.flush(all, closeSlow);
    },
    conclude() {
      narrowings.finish(closeSlow);
      return narrowings.waiting || replays.waiting;
    },
    relieve,
  });
  const intake = createIntake({
    stats,
    turns,
    replays,
    onUnplaced: ({ replaying }) => turns.atEnd(() => closeEach([...replaying], internalError)),
  });
  const { announce } = intake;
  const closings = new Closings({ blockedMs: closeGraceMs, onClosed, onEnded: remove });
  const heartbeat = new Heartbeat({
    idleSeconds,
    blockedSeconds: closeGraceMs / 1000,
    onGone: (consumer) => closeConsumer(consumer, peerGone),
    onDrained: drain,
  });
  let onEmpty: (() => void) | undefined;
  const tellGap = createGapTeller({ registry, controls, announce });
  bus.watchGaps(tellGap);
  history?.watchGaps(tellGap);
  bus.watchOlderNodes(() => {
    turns.atEnd(() => {
      for (const account of registry.accounts) closeOf(account, internalError, () => true);
    });
  });

  function drain(consumer: Consumer): void {
    consumer.silence = 0;
    turns.drained(consumer);
  }

  function resume(consumer: Consumer): void {
    if (!consumer.open) return;
    consumer.resume();
    closings.proceed(consumer);
    if (consumer.blocked) return;
    conversations.caughtUp(consumer);
    replays.caughtUp(consumer);
  }

  /** Closes a consumer. From now on it gets only its close reason. A second call does nothing. */
  function closeConsumer(consumer: Consumer, close: Close): void {
    const { whose } = consumer.stream.group;
    const { position, frames = 0 } = replays.describe(consumer) ?? conversations.describe(consumer) ?? {};
    const isReplaying = replays.has(consumer);
    if (!registry.leave(consumer)) return;
    stats.closes.set(close.code, (stats.closes.get(close.code) ?? 0) + 1);
    const connection = conversations.connectionId(consumer);
    const state = consumer.describe(!isReplaying, frames);
    const decided = { ...whose, ...(connection !== undefined && { connection }), ...state, position };
    if (connection !== undefined) pastCloses.keep(connection, consumer.principal, close, state);
    conversations.end(consumer);
    replays.end(consumer);
    closings.start(consumer, close, decided);
  }

  function closeSlow(consumer: Consumer): void {
    closeConsumer(consumer, slowConsumer);
  }

  function narrowReplaying(consumer: Consumer, types: number): void {
    const { stream: from } = consumer;
    const to = registry.sibling(from, types);
    const frame = to.view.format.controlFrame?.(narrowedFrame(to.filter));
    if (frame !== undefined) replays.change(consumer, to, frame);
    registry.endIfEmpty(from);
  }

  function relieve(): void {
    if (!waiting.tooMuch) return;
    for (const consumer of waiting.largestFirst()) {
      closeSlow(consumer);
      if (!waiting.tooMuch) return;
    }
  }

  function closeOf(group: StreamGroup | undefined, close: Close, whom: (consumer: Consumer) => boolean): void {
    closeEach(group?.consumers.filter(whom) ?? [], close);
  }

  function closeEach(consumers: readonly Consumer[], close: Close): void {
    for (const consumer of consumers) closeConsumer(consumer, close);
  }

  function closeAll(consumers: readonly Consumer[], close: Close): void {
    turns.atEnd(() => closeEach(consumers, close));
  }

  function remove(consumer: Consumer): void {
    if (!consumer.open) return;
    consumer.gone();
    registry.leave(consumer);
    heartbeat.remove(consumer);
    conversations.gone(consumer);
    replays.end(consumer);
    closings.gone(consumer);
    consumer.stream.fanOut.buffered.connections--;
    if (--stats.consumers === 0) onEmpty?.();
  }

  return {
    ...createOwnerChanges({ registry, turns, announce, closeOf }),
    stats,

    reserve(scope, format, asked) {
      const found = pastCloses.find(asked);
      const reservation = registry.reserve(scope, format);
      if (found === undefined) return reservation;
      return { ...reservation, inForce: Promise.all([reservation.inForce, found]).then(() => {}) };
    },

    add(connection, scope, principal, view, asked = {}) {
      const stream = registry.streamOf(scope, view);
      const consumer = new Consumer(connection, stream, principal);
      heartbeat.add(consumer);
      waiting.include(view.fanOut.buffered);
      view.fanOut.buffered.connections++;
      stats.consumers++;
      if (stream.hasControls) {
        welcome(consumer, asked);
        turns.schedule();
      } else stream.add(consumer);
      return consumer;
    },

    takers(entry, type) {
      const { id, accountId } = entry.instance;
      return (registry.instance(id)?.takers(type) ?? 0) + (registry.account(accountId)?.takers(entry, type) ?? 0);
    },

    remove,

    drained: drain,

    ponged(consumer) {
      consumer.silence = 0;
      consumer.answered();
      closings.proceed(consumer);
    },

    pinged(consumer) {
      consumer.silence = 0;
      if (consumer.heldBesideFrames <= pongBytesMax) return;
      closeConsumer(consumer, pongsUnread);
      closings.giveUp(consumer);
    },

    heard(consumer) {
      consumer.silence = 0;
    },

    narrow(consumer, types) {
      if (!conversations.has(consumer)) return;
      if (replays.has(consumer)) narrowReplaying(consumer, types);
      else narrowings.want(consumer, types);
      turns.schedule();
    },

    answerPing(consumer) {
      conversations.answerPing(consumer);
      turns.schedule();
    },

    misunderstood(consumer, message) {
      if (conversations.misunderstood(consumer, message)) turns.schedule();
      else closeConsumer(consumer, protocolError);
    },

    connectionId: (consumer) => conversations.connectionId(consumer),

    end: closeConsumer,

    async close(close, overMs) {
      const everyone = shuffle(registry.everyone());
      let closed = 0;
      for await (const due of drainSchedule(everyone.length, overMs)) {
        if (stats.consumers === 0) return;
        closeAll(everyone.slice(closed, due), close);
        closed = due;
      }
      closeAll(registry.everyone(), close);
      turns.atEnd(() => closings.hurry(shutdownGraceMs));
      if (stats.consumers === 0) return;
      await new Promise<void>((resolve) => {
        // Wait one turn more: a transport may send a close reason only after its own handler has returned.
        onEmpty = () => setImmediate(resolve);
      });
    },
  };
}
