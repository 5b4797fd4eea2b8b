/** Makes sure that a port is ours before several processes share it: sharing takes no notice of who else has it. */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

export interface ClaimedPort {
  readonly port: number;
  /** Until then nobody else can have it; from then on it can be listened on. */
  release(): Promise<void>;
}

/** 0 claims a free one. Rejects with a sentence that names the setting when it cannot be listened on. */
export async function claimPort(setting: string, host: string, port: number): Promise<ClaimedPort> {
  const server = createServer();
  try {
    const listening = once(server, "listening");
    server.listen({ host, port, exclusive: true });
    await listening;
  } catch (cause) {
    throw new Error(
      `${setting} ${port} cannot be listened on at ${host}: it is taken, or this host has no such address.`,
      { cause },
    );
  }
  return {
    port: (server.address() as AddressInfo).port,
    async release() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
