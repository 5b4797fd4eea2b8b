/** A bare uWebSockets.js route that reads and parses the body of a published event: what REST costs at least. */

import { announce } from "./control.mjs";
import { startApp } from "./uws-app.mjs";

const { app, port } = await startApp({});
app.post("/api/events/publish/:instance", (response) => {
  response.onAborted(() => {});
  let body = Buffer.alloc(0);
  response.onData((chunk, last) => {
    body = body.length === 0 && last ? Buffer.from(chunk) : Buffer.concat([body, Buffer.from(chunk)]);
    if (!last) return;
    JSON.parse(body.toString());
    response
      .writeHeader("content-type", "application/json; charset=utf-8")
      .end('{"success":true,"message":"Event published"}');
  });
});
announce({ port });
