/** Eventwire's hub alone, with every promise of the product, on a bare uWebSockets.js app. Needs `npm run build`. */

import { createMemoryBus } from "../../../dist/src/bus/memory-bus.js";
import { createHub } from "../../../dist/src/hub/hub.js";
import { checkEventData } from "../../../dist/src/service/event-data.js";
import { announce, asked, startControl } from "./control.mjs";
import { baseUrl, createPayloads, filterOf, instanceName, instanceToken } from "./payload.mjs";
import { startApp } from "./uws-app.mjs";

const shape = asked();
const payloads = createPayloads(shape);
const principal = { kind: "account", id: "a", accountId: "a", revoked: false };
const entries = Array.from({ length: shape.instances }, (_, number) => ({
  instance: { id: `id-${number}`, accountId: "a", name: instanceName(number), token: instanceToken(number) },
  websocket: { enabled: true, events: shape.mixed ? filterOf(number, shape) : [], mediaBase64: shape.media === true },
}));

const { app, port } = await startApp({
  open(ws) {
    const data = ws.getUserData();
    data.subscriber = hub.add(ws, entries[data.instance], principal);
  },
  message: (ws) => hub.heard(ws.getUserData().subscriber),
  ping: (ws) => hub.pinged(ws.getUserData().subscriber),
  pong: (ws) => hub.ponged(ws.getUserData().subscriber),
  drain: (ws) => hub.drained(ws.getUserData().subscriber),
  close: (ws) => hub.remove(ws.getUserData().subscriber),
});
const bus = createMemoryBus();
const hub = createHub({
  bus,
  broadcast: (topic, frame) => app.publish(topic, frame, false),
  baseUrl,
  mediaMaxBytes: 8 << 20,
  pendingBytesMax: 64 << 20,
});

/** The place of the media is the same in every event. */
let slot;
const control = await startControl({
  publish(record) {
    const { id: instanceId } = entries[record.readUInt32LE(0)].instance;
    const type = payloads.typeOf(record);
    const data = payloads.data(record);
    const media = payloads.media(record);
    if (media !== undefined) slot ??= checkEventData(type, data).slot;
    bus.publish({ instanceId, type, data, slot, media });
  },
});
announce({ port, control });
