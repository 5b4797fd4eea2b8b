/** Publishes over REST: one POST per event on kept-alive connections, one request at a time on each. */

import { connect } from "node:net";

const connections = 64;

export async function openRest({ port, token }) {
  const idle = await Promise.all(Array.from({ length: connections }, () => openConnection(port)));
  /** @type {(() => void)[]} */
  const waiting = [];

  async function one(request) {
    if (idle.length === 0) await new Promise((resolve) => waiting.push(resolve));
    const connection = idle.pop();
    await connection(request);
    idle.push(connection);
    waiting.shift()?.();
  }

  return {
    prepare: (events) => events.map((event) => requestOf(event, port, token)),
    send: (requests) => Promise.all(requests.map(one)),
  };
}

function requestOf({ instance, event, payload, media }, port, token) {
  if (media !== undefined) throw new Error("REST carries media inline: not a case of this benchmark");
  const body = Buffer.concat([Buffer.from(`{"event":"${event}","data":`), payload.value, Buffer.from("}")]);
  const head = [
    `POST /api/events/publish/${instance} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `token: ${token}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

/** Answers a function that sends one request and resolves when its answer was read. */
async function openConnection(port) {
  let socket = await open();
  let answer = "";
  /** Whether the request was answered. @type {(answered: boolean) => void} */
  let settle = () => {};

  async function open() {
    const opened = connect({ host: "127.0.0.1", port, noDelay: true });
    opened.on("data", read).on("error", () => {});
    opened.on("close", () => opened === socket && settle(false));
    await new Promise((resolve, reject) => opened.once("connect", resolve).once("error", reject));
    return opened;
  }

  function read(chunk) {
    answer += chunk.latin1Slice();
    const end = answer.indexOf("\r\n\r\n");
    if (end === -1 || answer.length < end + 4 + Number(/content-length: (\d+)/i.exec(answer)?.[1])) return;
    if (!answer.startsWith("HTTP/1.1 200")) throw new Error(answer);
    answer = "";
    settle(true);
  }

  return async (request) => {
    // The server closes a connection that was idle for some seconds, maybe while the request is on its way to it.
    for (let answered = false; !answered; ) {
      if (socket.destroyed || socket.readableEnded) socket = await open();
      answered = await new Promise((resolve) => {
        settle = resolve;
        socket.write(request);
      });
    }
  };
}
