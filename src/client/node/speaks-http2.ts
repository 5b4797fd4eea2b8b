/** Finds out whether a port speaks HTTP/2, which gRPC needs. */

import { connect } from "node:http2";
import { neverConnected } from "./network-error.js";

/** How long a peer may take to say that it speaks HTTP/2, in milliseconds. */
const answerMaxMs = 10_000;

/** Resolves with true when the port at `url` speaks HTTP/2. Rejects when no connection to the port can be made. */
export function speaksHttp2(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const session = connect(url);
    const timer = setTimeout(() => answer(false), answerMaxMs);
    function answer(yes: boolean): void {
      clearTimeout(timer);
      session.destroy();
      resolve(yes);
    }
    session.on("remoteSettings", () => answer(true));
    session.on("close", () => answer(false));
    session.on("error", (error) => {
      if (neverConnected(error)) reject(error);
      answer(false);
    });
  });
}
