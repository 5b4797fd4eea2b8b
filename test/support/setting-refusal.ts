/** The sentence that refuses wrong settings. */

import { type Environment, readSettings } from "../../src/settings/settings.js";

export function refusal(env: Environment): string {
  try {
    readSettings(env);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("These settings were accepted.");
}
