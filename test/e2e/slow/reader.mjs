/** Reads so many frames a second of one channel, and prints what it saw: node reader.mjs URL RATE. */

import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

const [url, rate] = process.argv.slice(2);
const socket = new WebSocket(url, { perMessageDeflate: false });
let [frames, gap, began, due] = [0, null, 0, 0];

socket.on("open", () => {
  console.log("open");
  began = due = performance.now();
});
socket.on("error", () => {});
socket.on("message", async (text) => {
  frames++;
  const { n } = JSON.parse(text).data;
  if (n !== frames && gap === null) gap = [frames, n];
  due += 1000 / Number(rate);
  socket.pause();
  while (due > performance.now()) await delay(due - performance.now());
  socket.resume();
});
socket.on("close", (code) => {
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  console.log(JSON.stringify({ code, frames, gap, seconds }));
});
