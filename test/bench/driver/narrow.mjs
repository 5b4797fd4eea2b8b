/**
 * Small kernel buffers. Loopback takes about 4 MB for a socket that does not read, and a server cannot say less in
 * JavaScript; a network namespace of our own can. Needs root, so a workload that wants it also runs without.
 */

import { spawnSync } from "node:child_process";
import { has } from "./machine.mjs";

const enter = (sendBufferMax) =>
  `ip link set lo up && echo "4096 16384 ${sendBufferMax}" > /proc/sys/net/ipv4/tcp_wmem && exec "$@"`;
const words = (command, sendBufferMax) => ["--net", "sh", "-c", enter(sendBufferMax), "sh", ...command];

export const canNarrow = (sendBufferMax) =>
  has("unshare") && has("ip") && spawnSync("unshare", words(["true"], sendBufferMax), { stdio: "ignore" }).status === 0;

/** Runs a command where a send buffer has at most so many bytes, and waits for it. */
export function runNarrow(command, sendBufferMax) {
  const { status } = spawnSync("unshare", words(command, sendBufferMax), { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`ended with ${status}`);
}
