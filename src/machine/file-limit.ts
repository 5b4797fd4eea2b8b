/**
 * Ends the process with one sentence and the exit code 1 when the system lets it open fewer than 512 files. Loading the
 * program opens some 300 files at once, and ends in a stack trace when that is not allowed. So import this module
 * before the program.
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
