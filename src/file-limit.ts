/**
 * Ends the process with one sentence where it may open too few files: loading the program alone takes some 300 at once, and
 * where they are not granted that ends in a stack trace. So this module must be imported before the program is.
 */

import { openFilesMax } from "./open-files.js";

const needed = 512;

const max = openFilesMax();
if (max < needed) {
  process.stderr.write(
    `eventwire: This process may open ${max} files and needs at least ${needed}, and one more for each connection. Raise ` +
      "the limit: `ulimit -n` in a shell, LimitNOFILE under systemd, `--ulimit nofile` in Docker.\n",
  );
  process.exit(1);
}
