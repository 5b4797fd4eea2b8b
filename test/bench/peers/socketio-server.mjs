/** Socket.IO, websocket transport only: one `emit` to a room per event. */

import { createServer } from "node:http";
import { Server } from "socket.io";
import { announce, asked, startControl } from "./control.mjs";
import { createPayloads } from "./payload.mjs";

const payloads = createPayloads(asked());
const http = createServer();
// A process that was stopped must not take the pause for a dead client: no pings within a run.
const io = new Server(http, { transports: ["websocket"], serveClient: false, pingInterval: 3_600_000 });
io.on("connection", (socket) => socket.join(socket.handshake.query.instance));
await new Promise((resolve) => http.listen(0, "127.0.0.1", 4096, resolve));
const control = await startControl({
  publish: (record) => io.to(`i-${record.readUInt32LE(0)}`).emit("event", payloads.object(record)),
});
announce({ port: http.address().port, control });
