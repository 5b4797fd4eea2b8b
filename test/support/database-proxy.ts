/** A network in front of a database that can be cut, or fall silent. */

import { connect, createServer, type Server, type Socket } from "node:net";

export interface DatabaseProxy {
  readonly url: string;
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Connections stay open, new ones are taken, and nothing passes any more. */
  silence(): void;
  /** New connections pass. Those that fell silent stay so, as behind a router that has forgotten them. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  let line = { silent: false };

  function accept(near: Socket): void {
    const mine = line;
    const far = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("data", (chunk) => mine.silent || other.write(chunk));
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async function listen(): Promise<void> {
    if (server !== undefined) return;
    const starting = createServer(accept);
    await new Promise<void>((done) => starting.listen(port, "127.0.0.1", done));
    server = starting;
    port = (starting.address() as { port: number }).port;
  }

  async function cut(): Promise<void> {
    const ending = server;
    server = undefined;
    const ended = new Promise<void>((done) => (ending ? ending.close(() => done()) : done()));
    for (const socket of sockets) socket.destroy();
    await ended;
  }

  await listen();
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    cut,
    silence() {
      line.silent = true;
    },
    async heal() {
      if (line.silent) line = { silent: false };
      await listen();
    },
    close: cut,
  };
}
