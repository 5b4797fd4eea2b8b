/** A program as one minified module for browsers, as a bundler makes it. */

import { resolve } from "node:path";
import { rolldown } from "rolldown";

/** `entry` is a file. Its imports of `eventwire/client` are found as in any project that has the package. */
export async function bundleForBrowser(entry: string): Promise<string> {
  const bundle = await rolldown({ input: resolve(entry), platform: "browser", logLevel: "warn" });
  const { output } = await bundle.generate({ format: "es", minify: true });
  await bundle.close();
  return output[0].code;
}
