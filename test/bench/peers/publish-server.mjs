/** The control: bare uWebSockets.js, one native `publish` per event, a topic per instance and type. Promises nothing. */

import { announce, asked, startControl } from "./control.mjs";
import { createPayloads, filterOf } from "./payload.mjs";
import { startApp } from "./uws-app.mjs";

const shape = asked();
const payloads = createPayloads(shape);
const topic = (instance, type) => (shape.mixed ? `${instance}/${type}` : `${instance}`);

const { app, port } = await startApp({
  open(ws) {
    const { instance } = ws.getUserData();
    if (!shape.mixed) ws.subscribe(topic(instance));
    else for (const type of filterOf(instance, shape)) ws.subscribe(topic(instance, type));
  },
});
const control = await startControl({
  publish(record) {
    app.publish(topic(record.readUInt32LE(0), payloads.typeOf(record)), payloads.frame(record), false);
  },
});
announce({ port, control });
