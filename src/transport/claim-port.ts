/** Makes sure that a port is ours before several processes share it: sharing takes no notice of who else has it. */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** The port, or a free one for 0. Rejects with a sentence that names the setting when it cannot be listened on. */
export async function claimPort(setting: string, host: string, port: number): Promise<number> {
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
  const claimed = (server.address() as AddressInfo).port;
  const closed = once(server, "close");
  server.close();
  await closed;
  return claimed;
}
