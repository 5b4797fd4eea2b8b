/**
 * A receiver of webhooks as a process of its own: `node receiver-program.mjs <port> <log>`. It writes each event that it
 * takes into the log before it answers, so that a kill loses no event which was answered. `PUT /mood/<name>` tells it how
 * to answer from then on.
 *
 * A line of the log is `took <key> <attempt> <mood> <webhook> <instance> <publisher> <n> <time> <id> <media>`, or
 * `answered <key> <time>` when the answer was handed to the kernel. A line is appended with one write, so several receivers
 * share a log, and its lines have the order in which the events came.
 */

import { openSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const [port, file] = process.argv.slice(2);
const log = openSync(file, "a");
let mood = "well";
let count = 0;

const isOdd = () => count % 2 === 1;

/** What a receiver does in a mood. `take` writes the event into the log, and has its answer written when it is sent. */
const moods = {
  well(answer, take) {
    take();
    answer.writeHead(204).end();
  },
  slow(answer, take) {
    take();
    setTimeout(() => answer.writeHead(200).end("taken"), 50 + Math.random() * 350);
  },
  failing(answer) {
    answer.writeHead(isOdd() ? 500 : 503, { "retry-after": "1" }).end("not now");
  },
  missing(answer) {
    answer.writeHead(404).end();
  },
  hanging(_, take) {
    if (isOdd()) take();
  },
  cutting(answer, take) {
    if (isOdd()) take();
    answer.socket.destroy();
  },
};

async function receive(request, answer) {
  const body = Buffer.concat(await request.toArray());
  const [, what, name] = request.url.split("/");
  if (what === "mood") {
    mood = name;
    answer.end();
    return;
  }
  const { data } = JSON.parse(body.toString());
  const { "webhook-id": id, "webhook-attempt": attempt } = request.headers;
  const key = `${process.pid}-${++count}`;
  const { socket } = request;
  const current = mood;
  moods[current](answer, () => {
    const { i, p, n, media } = data;
    write(`took ${key} ${attempt} ${current} ${name} ${i} ${p} ${n} ${Date.now()} ${id} ${media?.base64 ?? "-"}`);
    answer.on("finish", () => {
      if (!socket.destroyed) write(`answered ${key} ${Date.now()}`);
    });
  });
}

function write(line) {
  writeSync(log, `${line}\n`);
}

// Longer than the node keeps an idle connection, so that connections end in the ways that a mood or a kill chooses.
createServer({ keepAliveTimeout: 60_000 }, (request, answer) => {
  // A client that goes away in the middle of its request has sent none.
  receive(request, answer).catch(() => answer.destroy());
}).listen(Number(port), "127.0.0.1", () => console.info("receiving"));
