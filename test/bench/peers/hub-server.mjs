/** Eventwire's hub alone, with every promise of the product, on a bare uWebSockets.js app. Needs `npm run build`. */

import { createMemoryBus } from "../../../dist/src/bus/memory-bus.js";
import { createHub } from "../../../dist/src/delivery/create-hub.js";
import { createEventJsonFormat } from "../../../dist/src/delivery/frames/event-json.js";
import { createPlainFormat } from "../../../dist/src/delivery/frames/plain.js";
import { wholeView } from "../../../dist/src/delivery/view.js";
import { createIdMint } from "../../../dist/src/domain/event-id.js";
import { checkEventData } from "../../../dist/src/service/event-data.js";
import { UwsFanOut } from "../../../dist/src/transport/uws/fan-out.js";
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
    data.consumer = hub.add(ws, entries[data.instance], principal, view);
  },
  message: (ws) => hub.heard(ws.getUserData().consumer),
  ping: (ws) => hub.pinged(ws.getUserData().consumer),
  pong: (ws) => hub.ponged(ws.getUserData().consumer),
  drain: (ws) => hub.drained(ws.getUserData().consumer),
  close: (ws) => hub.remove(ws.getUserData().consumer),
});
const bus = createMemoryBus();
const fanOut = new UwsFanOut((topic, frame) => app.publish(topic, frame, false));
const createFormat = shape.protocol === "eventwire.v1" ? createEventJsonFormat : createPlainFormat;
// The load generator counts events, so control frames are left out.
const { builderFor } = createFormat({ baseUrl, mediaMaxBytes: 8 << 20, frameTokens: true });
const view = wholeView({ builderFor }, fanOut);
const mint = createIdMint();
const hub = createHub({ bus, findEntry: () => undefined, pendingBytesMax: 64 << 20 });

/** The place of the media is the same in every event. */
let slot;
const control = await startControl({
  publish(record) {
    const { id: instanceId } = entries[record.readUInt32LE(0)].instance;
    const type = payloads.typeOf(record);
    const data = payloads.data(record);
    const media = payloads.media(record);
    if (media !== undefined) slot ??= checkEventData(type, data).slot;
    const time = Date.now();
    bus.publish({ id: mint(time), time, accountId: "a", instanceId, type, data, slot, media });
  },
});
announce({ port, control });
