/** Publishes to Nchan with pipelined POSTs on one connection: what one turn brought, in one write. */

import { connect } from "node:net";
import { announce, asked, startControl } from "./control.mjs";
import { createPayloads } from "./payload.mjs";

const { port, ...shape } = asked();
const payloads = createPayloads(shape);
const socket = connect({ host: "127.0.0.1", port, noDelay: true });
await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
/** Requests that are not answered, and who waits for that. */
let open = 0;
let answered = () => {};
let rest = "";
socket.on("data", (text) => {
  const parts = (rest + text.latin1Slice()).split("HTTP/1.1 20");
  open -= parts.length - 1;
  rest = parts.at(-1).slice(-10);
  if (open === 0) answered();
});

const control = await startControl({
  publish(record) {
    const frame = payloads.frame(record);
    socket.cork();
    socket.write(
      `POST /pub/i-${record.readUInt32LE(0)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${frame.length}\r\n\r\n`,
    );
    socket.write(frame);
    open++;
  },
  endTurn() {
    while (socket.writableCorked > 0) socket.uncork();
    return new Promise((resolve) => {
      answered = resolve;
    });
  },
});
announce({ control });
