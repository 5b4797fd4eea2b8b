/**
 * Publishes to Eventwire from another process: when the load generator says so, or as fast as it is acknowledged (a
 * flood, which answers each line on its standard input with what it has published).
 */

import { createInterface } from "node:readline";
import { announce, asked, startControl } from "./control.mjs";
import { createPayloads, instanceName, recordBytes } from "./payload.mjs";
import { openRest } from "./publishing/rest.mjs";
import { openStream } from "./publishing/stream.mjs";
import { openUnary } from "./publishing/unary.mjs";

/** The contract's most events in one batch. */
const batchMax = 1024;
/** Acknowledgements that a flood waits for at a time. */
const underWay = 16;

const told = asked();
const payloads = createPayloads(told);
const { prepare, send } = await { stream: openStream, unary: openUnary, rest: openRest }[told.way](told);

function eventOf(record) {
  const event = {
    instance: instanceName(record.readUInt32LE(0)),
    event: payloads.typeOf(record),
    payload: { case: "dataJson", value: payloads.data(record) },
  };
  const media = payloads.media(record);
  return media === undefined ? event : { ...event, media };
}

if (told.flood) await flood(told.flood);
else await follow();

async function follow() {
  let events = [];
  const control = await startControl({
    publish: (record) => events.push(eventOf(record)),
    endTurn() {
      const answers = [];
      for (let at = 0; at < events.length; at += batchMax) answers.push(send(prepare(events.slice(at, at + batchMax))));
      events = [];
      return Promise.all(answers);
    },
  });
  announce({ control });
}

/** The same bytes again and again: the client must not be what is measured. */
async function flood({ batch }) {
  const record = Buffer.alloc(recordBytes, "0");
  record.writeUInt32LE(told.floodInstance ?? 0, 0);
  const message = prepare(Array.from({ length: batch }, () => eventOf(record)));
  let published = 0;
  let running = false;
  const lane = async () => {
    while (running) {
      await send(message);
      published += batch;
    }
  };
  createInterface(process.stdin).on("line", (line) => {
    if (line === "go" && !running) {
      running = true;
      for (let i = 0; i < underWay; i++) void lane();
    }
    if (line === "hold") running = false;
    announce({ published, cpuUs: process.cpuUsage().user + process.cpuUsage().system });
  });
  announce({ ready: true });
}
