/**
 * Readers on WebSockets. They use the package `ws`, and not our own client, for two reasons: our client comes back by
 * itself, while the ledger looks at each connection alone; and our client cannot stop reading.
 */

import { WebSocket } from "ws";
import type { ControlTold, Dial } from "./connections.js";

const handshakeMsMax = 5_000;
/** The begin of a frame, which has the numbers of its event. */
const headBytes = 320;

export const dialPlain: Dial = ({ process, token, instance }, listener) => {
  const url = `${process.url.replace("http", "ws")}/ws/${instance}?token=${token}`;
  const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: handshakeMsMax });
  socket.on("error", () => {});
  socket.on("open", () => listener.opened());
  socket.on("message", (frame: Buffer) => listener.event(frame.toString("latin1", 0, headBytes)));
  socket.on("close", (code, reason) => listener.ended(code, reason.toString()));
  return handlesOf(socket);
};

export const dialV1: Dial = ({ process, token, instance, events, after = "" }, listener) => {
  const url = new URL(process.url.replace("http", "ws"));
  url.pathname = instance === "" ? "/ws" : `/ws/${instance}`;
  if (events.length > 0) url.searchParams.set("events", events.join(","));
  if (after !== "") url.searchParams.set("after", after);
  const socket = new WebSocket(url, "eventwire.v1", {
    headers: { token },
    perMessageDeflate: false,
    handshakeTimeout: handshakeMsMax,
  });
  socket.on("error", () => {});
  socket.on("message", (frame: Buffer) => {
    const head = frame.toString("latin1", 0, headBytes);
    if (head.startsWith('{"control"')) listener.control(JSON.parse(frame.toString()) as ControlTold);
    else listener.event(head, /"position":"([^"]+)"/.exec(head)?.[1]);
  });
  socket.on("close", (code, reason) => listener.ended(code, reason.toString()));
  return {
    ...handlesOf(socket),
    narrow: (types) => socket.send(JSON.stringify({ control: "narrow", events: types })),
  };
};

function handlesOf(socket: WebSocket) {
  return {
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    cut: () => socket.terminate(),
  };
}
