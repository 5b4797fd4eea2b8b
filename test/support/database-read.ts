/** Waits for the directory of a server that opened its ports before the database had answered, as on a busy machine. */

import { until } from "./until.js";

export async function databaseRead(url: string): Promise<void> {
  await until(async () => !(await (await fetch(`${url}/health`)).text()).includes(`"db":"starting"`));
}
