/** Two nodes with a history on a nats-server of their own, whose consumers are on the first node. */

import { randomUUID } from "node:crypto";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { HistoryScope } from "../../src/history/history.js";
import {
  type Follower,
  type HistoryNode,
  type HistoryNodeOptions,
  lastPosition,
  newPrefix,
  openHistoryNode,
} from "./history-nodes.js";
import { type NatsServer, startNatsServer } from "./nats-server.js";

export interface HistoryPair {
  readonly nats: NatsServer;
  /** For one more node beside the two. */
  readonly options: HistoryNodeOptions;
  readonly a: HistoryNode;
  readonly b: HistoryNode;
  readonly scope: HistoryScope;
  /** Follows the scope on `a`. */
  readonly follower: Follower;
  /** The name of the stream of events. */
  readonly stream: string;
  /** Publishes event 0 on `b`, and resolves with its position when the follower has it. */
  first(): Promise<string>;
  /** What an operator of NATS may do. */
  operator(): Promise<JetStreamManager>;
  /** Fills the memory of JetStream with a stream of somebody else. Resolves with a function that deletes that stream. */
  fill(): Promise<() => Promise<unknown>>;
}

/** `atEnd`: `onTestFinished` of the test, which may run beside others. `config`: of the nats-server. */
export async function openHistoryPair(
  atEnd: (end: () => Promise<void>) => void,
  config: string,
  more: Partial<HistoryNodeOptions> = {},
): Promise<HistoryPair> {
  const nats = await startNatsServer(config);
  atEnd(() => nats.close());
  const options = { atEnd, prefix: newPrefix(), ...more };
  const [a, b] = [await openHistoryNode(nats.url, options), await openHistoryNode(nats.url, options)];
  const scope = { accountId: randomUUID(), instanceId: randomUUID() };
  const follower = await a.follow(scope);

  async function stranger() {
    const connection = await connect({ servers: nats.url });
    atEnd(() => connection.close());
    return connection;
  }

  return {
    nats,
    options,
    a,
    b,
    scope,
    follower,
    stream: `${options.prefix.replaceAll(".", "-")}-history`,

    async first() {
      b.publish(scope, 0);
      await follower.have(1);
      return lastPosition(follower);
    },

    operator: async () => jetstreamManager(await stranger()),

    async fill() {
      const connection = await stranger();
      const { streams } = await jetstreamManager(connection);
      await streams.add({ name: "other", subjects: ["other.>"], storage: "memory" as never });
      for (let i = 0; i < 8; i++) connection.publish(`other.${i}`, Buffer.alloc(512 * 1024));
      await connection.flush();
      return () => streams.delete("other");
    },
  };
}
