/**
 * Claims a port before several processes of Eventwire share it. The claim makes sure that no other program has the
 * port. Sharing alone would not notice another program.
 */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

export interface ClaimedPort {
  readonly port: number;
  /** Gives the claim up. Before that, neither another program nor Eventwire itself can listen on the port. */
  release(): Promise<void>;
}

/**
 * Claims a port; 0 claims a free port. Rejects with an error that names the setting when the port cannot be listened
 * on.
 */
export async function reservePort(setting: string, host: string, port: number): Promise<ClaimedPort> {
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
