/** `ws`: one `send` per client and event. */

import { WebSocketServer } from "ws";
import { announce, asked, startControl } from "./control.mjs";
import { createPayloads, filterOf } from "./payload.mjs";

const shape = asked();
const payloads = createPayloads(shape);
const rooms = Array.from({ length: shape.instances }, () => []);
const filters = rooms.map((_, instance) => new Set(filterOf(instance, shape)));

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, backlog: 4096 });
server.on("connection", (client, request) => {
  const room = rooms[Number(request.url.slice("/ws/i-".length))];
  room.push(client);
  client.on("error", () => {});
  client.on("close", () => room.splice(room.indexOf(client), 1));
});
await new Promise((resolve) => server.on("listening", resolve));
const control = await startControl({
  publish(record) {
    const instance = record.readUInt32LE(0);
    if (shape.mixed && !filters[instance].has(payloads.typeOf(record))) return;
    const frame = payloads.frame(record);
    for (const client of rooms[instance]) client.send(frame, { binary: false });
  },
});
announce({ port: server.address().port, control });
