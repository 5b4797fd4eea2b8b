/** A bare uWebSockets.js app with one WebSocket route, for the control and for the hub alone. */

import { App, us_socket_local_port } from "uWebSockets.js";

/**
 * @param {import("uWebSockets.js").WebSocketBehavior<{ instance: number }>} behavior
 * @returns {Promise<{ app: import("uWebSockets.js").TemplatedApp, port: number }>}
 */
export function startApp(behavior) {
  const app = App();
  app.ws("/ws/:instance", {
    compression: 0,
    maxBackpressure: 0,
    maxPayloadLength: 4096,
    idleTimeout: 48,
    sendPingsAutomatically: true,
    upgrade(res, req, context) {
      const instance = Number(req.getParameter(0).slice(2));
      res.upgrade(
        { instance },
        req.getHeader("sec-websocket-key"),
        req.getHeader("sec-websocket-protocol"),
        req.getHeader("sec-websocket-extensions"),
        context,
      );
    },
    ...behavior,
  });
  return new Promise((resolve, reject) => {
    app.listen("127.0.0.1", 0, (socket) => {
      if (!socket) reject(new Error("no port"));
      else resolve({ app, port: us_socket_local_port(socket) });
    });
  });
}
