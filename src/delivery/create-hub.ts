/** The hub of a node takes events from the bus and gives their frames to the consumers of the node, once per turn. */

import type { ControlFrame } from "../../gen/frames.js";
import type { Event } from "../bus/bus.js";
import {
  type Close,
  disconnectedByOperator,
  instanceDeleted,
  internalError,
  peerGone,
  pongsUnread,
  protocolError,
  slowConsumer,
  tokenRevoked,
} from "../domain/closes.js";
import { Closings } from "./closings.js";
import { Consumer } from "./consumer.js";
import { configChangedFrame, positionFrame } from "./control-frames.js";
import { ControlStreams } from "./control-streams.js";
import { Conversations } from "./conversations.js";
import { drainSchedule, shuffle } from "./drain-schedule.js";
import { createGapTeller } from "./gaps.js";
import { Heartbeat } from "./heartbeat.js";
import type { Hub, HubOptions, HubStats } from "./hub.js";
import { Narrowings } from "./narrowings.js";
import type { Stream } from "./stream.js";
import type { StreamGroup } from "./stream-group.js";
import { StreamRegistry } from "./stream-registry.js";
import { Turns } from "./turns.js";
import { Waiting } from "./waiting.js";

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

export function createHub({ bus, findEntry, pendingBytesMax, ...options }: HubOptions): Hub {
  const { closeGraceMs = closeGraceMsDefault, idleSeconds = idleSecondsDefault, onClosed = () => {} } = options;
  const { heartbeatSeconds = Math.max(1, Math.floor(idleSeconds / 2)) } = options;
  const waiting = new Waiting(options.waitingBytesMax ?? Number.POSITIVE_INFINITY);
  const conversations = new Conversations();
  const controls = new ControlStreams({ heartbeatSeconds, onQuiet: (stream) => announce(stream, positionFrame()) });
  const onAdmitted = (consumer: Consumer, offset: number) => conversations.greet(consumer, offset);
  const registry = new StreamRegistry(bus, findEntry, { pendingBytesMax, waiting, controls, onAdmitted }, receive);
  const narrowings = new Narrowings(registry);
  const stats: HubStats = {
    consumers: 0,
    events: 0,
    filtered: 0,
    framesBuilt: 0,
    framesDelivered: 0,
    closes: new Map(),
  };
  const turns = new Turns({
    resume,
    prepare() {
      conversations.tell();
      narrowings.begin();
    },
    flush(stream, all) {
      stats.framesDelivered += stream.flush(all, closeSlow);
    },
    conclude() {
      narrowings.finish(closeSlow);
      return narrowings.waiting;
    },
    relieve,
  });
  const closings = new Closings({ blockedMs: closeGraceMs, onClosed, onEnded: remove });
  const heartbeat = new Heartbeat({
    idleSeconds,
    blockedSeconds: closeGraceMs / 1000,
    onGone: (consumer) => closeConsumer(consumer, peerGone),
    onDrained: drain,
  });
  let onEmpty: (() => void) | undefined;
  bus.watchGaps(createGapTeller({ registry, controls, announce }));
  bus.watchOlderNodes(() => {
    turns.atEnd(() => {
      for (const account of registry.accounts) closeOf(account, internalError, () => true);
    });
  });

  function receive({ streams }: StreamGroup, event: Event): void {
    stats.events++;
    let built = 0;
    for (const stream of streams) {
      const first = stream.idle;
      if (!stream.accept(event)) continue;
      built++;
      if (first) turns.touch(stream);
    }
    stats.framesBuilt += built;
    if (built === 0) stats.filtered++;
    else turns.schedule();
  }

  /** Sends a control frame to all consumers of a stream. Does nothing when the format of the stream has no control frames. */
  function announce(stream: Stream, control: ControlFrame): void {
    const first = stream.idle;
    if (!stream.announce(control)) return;
    if (first) turns.touch(stream);
    turns.schedule();
  }

  function drain(consumer: Consumer): void {
    consumer.silence = 0;
    turns.drained(consumer);
  }

  function resume(consumer: Consumer): void {
    if (!consumer.open) return;
    consumer.resume();
    closings.proceed(consumer);
    if (!consumer.blocked) conversations.caughtUp(consumer);
  }

  /** Closes a consumer. From now on it gets only its close reason. A second call does nothing. */
  function closeConsumer(consumer: Consumer, close: Close): void {
    const { whose } = consumer.stream.group;
    if (!registry.leave(consumer)) return;
    stats.closes.set(close.code, (stats.closes.get(close.code) ?? 0) + 1);
    const connection = conversations.connectionId(consumer);
    const decided = { ...whose, ...(connection !== undefined && { connection }), ...consumer.describe() };
    conversations.end(consumer);
    closings.start(consumer, close, decided);
  }

  function closeSlow(consumer: Consumer): void {
    closeConsumer(consumer, slowConsumer);
  }

  function relieve(): void {
    if (!waiting.tooMuch) return;
    for (const consumer of waiting.largestFirst()) {
      closeSlow(consumer);
      if (!waiting.tooMuch) return;
    }
  }

  function closeOf(group: StreamGroup | undefined, close: Close, whom: (consumer: Consumer) => boolean): void {
    for (const consumer of group?.consumers.filter(whom) ?? []) closeConsumer(consumer, close);
  }

  function closeAll(consumers: readonly Consumer[], close: Close): void {
    turns.atEnd(() => {
      for (const consumer of consumers) closeConsumer(consumer, close);
    });
  }

  function remove(consumer: Consumer): void {
    if (!consumer.open) return;
    consumer.gone();
    registry.leave(consumer);
    heartbeat.remove(consumer);
    conversations.gone(consumer);
    closings.gone(consumer);
    consumer.stream.fanOut.buffered.connections--;
    if (--stats.consumers === 0) onEmpty?.();
  }

  return {
    stats,

    reserve: (scope) => registry.reserve(scope),

    add(connection, scope, principal, view, asked = {}) {
      const stream = registry.streamOf(scope, view);
      const consumer = new Consumer(connection, stream, principal);
      stream.add(consumer);
      heartbeat.add(consumer);
      waiting.include(view.fanOut.buffered);
      view.fanOut.buffered.connections++;
      stats.consumers++;
      if (view.format.controlFrame !== undefined) {
        const { filter, group } = stream;
        const limits = { heartbeatSeconds, waitingBytesMax: pendingBytesMax };
        conversations.begin(consumer, { ...group.introduction, filter, asked, ...limits });
        turns.schedule();
      }
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
      narrowings.want(consumer, types);
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

    instanceChanged(entry) {
      const { id, accountId } = entry.instance;
      const instance = registry.instance(id);
      if (instance !== undefined)
        for (const stream of instance.configure(entry))
          announce(stream, configChangedFrame(instance.configuration, stream.filter));
      registry.account(accountId)?.tellChange(entry, "changed", announce);
    },

    instanceCreated(instanceId, accountId) {
      const account = registry.account(accountId);
      const entry = account?.entry(instanceId);
      if (entry !== undefined) account?.tellChange(entry, "created", announce);
    },

    instanceDeleted(instanceId, { accountId, name, nameTaken }) {
      turns.atEnd(() => closeOf(registry.instance(instanceId), instanceDeleted, () => true));
      // The instance that has the name now was told of already.
      if (!nameTaken) registry.account(accountId)?.tellDeletion(name, announce);
    },

    principalRevoked(principal) {
      turns.atEnd(() => {
        const { kind, id, accountId } = principal;
        const groups = kind === "account" ? registry.ofAccount(accountId) : [registry.instance(id)];
        for (const group of groups) closeOf(group, tokenRevoked, (consumer) => consumer.principal === principal);
      });
    },

    consumersDisconnected({ kind, id, accountId }) {
      turns.atEnd(() => {
        const groups = kind === "account" ? registry.ofAccount(accountId) : [registry.instance(id)];
        for (const group of groups) closeOf(group, disconnectedByOperator, () => true);
      });
    },

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
