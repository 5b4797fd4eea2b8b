/** Publishes to nats-server over plain TCP: what one turn brought, in one write. */

import { connect } from "node:net";
import { announce, asked, startControl } from "./control.mjs";
import { createPayloads } from "./payload.mjs";

const { port, ...shape } = asked();
const payloads = createPayloads(shape);
const socket = connect({ host: "127.0.0.1", port, noDelay: true });
await new Promise((resolve) => socket.once("data", resolve));
socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
let taken = () => {};
socket.on("data", (text) => {
  if (text.includes("PING")) socket.write("PONG\r\n");
  if (text.includes("PONG")) taken();
});

const control = await startControl({
  publish(record) {
    const frame = payloads.frame(record);
    socket.cork();
    socket.write(`PUB i-${record.readUInt32LE(0)} ${frame.length}\r\n`);
    socket.write(frame);
    socket.write("\r\n");
  },
  endTurn() {
    socket.write("PING\r\n");
    while (socket.writableCorked > 0) socket.uncork();
    return new Promise((resolve) => {
      taken = resolve;
    });
  },
});
announce({ control });
