/** Publishes to Nchan with pipelined POSTs on one connection: what one turn brought, in one write. */

import { connect } from "node:net";
import { announce, asked, startControl } from "./control.mjs";
import { createPayloads } from "./payload.mjs";

const { port, ...shape } = asked();
const payloads = createPayloads(shape);
const socket = connect({ host: "127.0.0.1", port, noDelay: true });
await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
socket.resume();

const control = await startControl({
  publish(record) {
    const frame = payloads.frame(record);
    socket.cork();
    socket.write(
      `POST /pub/i-${record.readUInt32LE(0)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${frame.length}\r\n\r\n`,
    );
    socket.write(frame);
  },
  endTurn() {
    while (socket.writableCorked > 0) socket.uncork();
  },
});
announce({ control });
