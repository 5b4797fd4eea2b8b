/** Eventwire's hub alone, with every promise of the product, whose consumers are Subscribe streams of HTTP/2. Needs `npm run build`. */

import { createServer } from "node:http2";
import { createMemoryBus } from "../../../dist/src/bus/memory-bus.js";
import { createHub } from "../../../dist/src/delivery/create-hub.js";
import { createIdMint } from "../../../dist/src/domain/event-id.js";
import { WritableFanOut } from "../../../dist/src/transport/node/fan-out.js";
import { createFrameStreams } from "../../../dist/src/transport/subscribe/frame-streams.js";
import { announce, asked, startControl } from "./control.mjs";
import { baseUrl, createPayloads, instanceName } from "./payload.mjs";

const shape = asked();
const payloads = createPayloads(shape);
const principal = { kind: "account", id: "a", accountId: "a", revoked: false };
const entries = Array.from({ length: shape.instances }, (_, number) => ({
  instance: { id: `id-${number}`, accountId: "a", name: instanceName(number), token: "" },
  websocket: { enabled: true, events: [], mediaBase64: false, version: 1 },
}));

const bus = createMemoryBus();
const hub = createHub({ bus, findEntry: () => undefined, pendingBytesMax: 64 << 20 });
const frames = createFrameStreams({
  hub,
  fanOut: new WritableFanOut(),
  baseUrl,
  mediaMaxBytes: 8 << 20,
  draining: new AbortController().signal,
  http1StreamSeconds: 0,
});

let streams = 0;
const server = createServer();
server.on("stream", (stream) => {
  stream.on("error", () => {});
  stream.resume();
  stream.respond({ ":status": 200, "content-type": "application/grpc" });
  const sink = {
    writable: stream,
    ping: (answered) => void stream.session?.ping((error) => error === null && answered()),
    end: () => void stream.end(),
    cut: () => void stream.destroy(),
  };
  const entry = entries[streams++ % entries.length];
  frames.open(
    sink,
    { scope: entry, principal, events: [], media: false, after: "", previous: "" },
    { json: false, text: false },
  );
});
server.listen(0, "127.0.0.1", async () => {
  const mint = createIdMint();
  const control = await startControl({
    publish(record) {
      const { id: instanceId } = entries[record.readUInt32LE(0)].instance;
      const time = Date.now();
      bus.publish({
        id: mint(time),
        time,
        accountId: "a",
        instanceId,
        type: payloads.typeOf(record),
        data: payloads.data(record),
      });
    },
  });
  announce({ port: server.address().port, control });
});
