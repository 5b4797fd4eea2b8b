/** Waits for the directory of a server that opened its ports before the database had answered, as on a busy machine. */

import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { until } from "./until.js";

export async function databaseRead(url: string): Promise<void> {
  await until(async () => !(await health(url)).includes(`"db":"starting"`));
}

async function health(url: string): Promise<string> {
  const options = { agent: false, rejectUnauthorized: false };
  const request = url.startsWith("https:") ? https.get(`${url}/health`, options) : http.get(`${url}/health`, options);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return text(response);
}
