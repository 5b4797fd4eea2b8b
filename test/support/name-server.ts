/** A name server over UDP whose answers the test decides. */

import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import ipaddr from "ipaddr.js";
import { onTestFinished } from "vitest";

/** The addresses of a name, of both families. An empty list: there is no such name. `silent`: no answer at all. */
export type Zone = (name: string) => readonly string[] | "silent";

export interface NameServer {
  /** As `nameServers` of the sender takes it. */
  readonly address: string;
  /** The questions so far, such as `A hook.test`. */
  readonly questions: readonly string[];
}

const typeNames = new Map([
  [1, "A"],
  [28, "AAAA"],
]);

/** Ends with its test. */
export async function startNameServer(zone: Zone): Promise<NameServer> {
  const questions: string[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (question: Buffer, from: RemoteInfo) => {
    const { name, type, end } = readQuestion(question);
    questions.push(`${typeNames.get(type)} ${name}`);
    const addresses = zone(name);
    if (addresses !== "silent")
      socket.send(answer(question.subarray(0, end), type, addresses), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, questions };
}

function readQuestion(message: Buffer) {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at++] ?? 0; length > 0; length = message[at++] ?? 0) {
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  return { name: labels.join("."), type: message.readUInt16BE(at), end: at + 4 };
}

function answer(question: Buffer, type: number, addresses: readonly string[]): Buffer {
  const records = addresses
    .filter((address) => isIPv4(address) === (type === 1))
    .map((address) => {
      const data = ipaddr.parse(address).toByteArray();
      // A pointer to the name of the question, the type, the class IN, a time to live of 0, and the data.
      return Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length, ...data]);
    });
  const head = Buffer.from(question);
  head.writeUInt16BE(addresses.length === 0 ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...records]);
}
