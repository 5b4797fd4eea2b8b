/** The history of the cluster: how much is kept, and whether it is there again after the faults. */

import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";
import type { Channel } from "./channels.js";
import type { Cluster, NodeProcess } from "./cluster.js";

/** So little that a consumer which stays away for long cannot go on after its position. */
export const shortHistory = { HISTORY_SECONDS: "20", HISTORY_BYTES: String(24 * 1024 * 1024) };

/** Resolves once every node tells a new consumer that it keeps a history. Every node must run. */
export async function historyKept({ nodes, token }: Cluster, { name }: Channel): Promise<void> {
  const path = `/ws/${name}?token=${token}`;
  for (const { running } of nodes) {
    await until(async () => {
      const { frame, socket } = await openV1((running as NodeProcess).url, path);
      const { control, history } = await frame();
      socket.terminate();
      return control === "hello" && history !== null;
    });
  }
}
