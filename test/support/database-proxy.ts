/**
 * A network in front of a database, of NATS or of a gateway. It can be cut, fall silent, or swallow the notifications of PostgreSQL.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

export interface DatabaseProxy {
  readonly url: string;
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Keeps connections open and accepts new ones, but lets nothing pass any more, not even the end of a connection. */
  silence(): void;
  /** From now on swallows NotificationResponse messages on every connection. Everything else passes. */
  deafen(deaf?: boolean): void;
  /** Lets new connections pass. Silent connections stay silent, as with a router that has forgotten them. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  let line = { silent: false };
  let deaf = false;

  function accept(near: Socket): void {
    const mine = line;
    const far = connect(Number(target.port), target.hostname);
    const messages = target.protocol.startsWith("postgres") ? createMessages() : (chunk: Buffer) => chunk;
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("data", (chunk) => {
        const passed = socket === far ? messages(chunk, deaf) : chunk;
        if (!mine.silent && passed.length > 0) other.write(passed);
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        if (!mine.silent) other.destroy();
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
    deafen(now = true) {
      deaf = now;
    },
    async heal() {
      if (line.silent) line = { silent: false };
      await listen();
    },
    close: cut,
  };
}

/** Takes the server's bytes and returns whole messages: a letter, four bytes of length, a body. */
function createMessages(): (chunk: Buffer, deaf: boolean) => Buffer {
  let rest = Buffer.alloc(0);
  return (chunk, deaf) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const message = rest.subarray(0, rest.readUInt32BE(1) + 1);
      rest = rest.subarray(message.length);
      if (!(deaf && message[0] === notification)) passed.push(message);
    }
    return Buffer.concat(passed);
  };
}

const notification = "A".charCodeAt(0);
