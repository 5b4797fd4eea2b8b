/** Finds out whether a URL is that of a port which speaks HTTP/2, as gRPC needs it. */

import { connect } from "node:http2";
import { neverConnected } from "./network-error.js";

/** How long a peer may take to say that it speaks HTTP/2, in milliseconds. */
const answerMaxMs = 10_000;

/** Rejects with the error of the network when nothing can be reached there. */
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
