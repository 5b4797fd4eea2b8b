/** The suite runs on real parts: one PostgreSQL for the run, real sockets, a built program for child processes. */

import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** A file that takes a minute must not be the last one to start. */
const longest = [
  "reliability/ledger",
  "test/contributing",
  "e2e/exactness",
  "e2e/consuming/programs",
  "main/islands",
  "transport/header-tokens",
  "main/package",
  "main/start",
  "main/stop",
  "main/workers",
  "main/workers-lifecycle",
  "store/embedded-postgres",
  "transport/uws-backpressure",
  "e2e/slow-readers",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index === -1 ? longest.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The soak takes half an hour: `npm run soak` starts it.
    exclude: ["test/bench/**", ...(process.env.SOAK_MINUTES ? [] : ["test/reliability/soak.test.ts"])],
    globalSetup: ["test/support/skipped-suites.ts", "test/support/build.ts", "test/support/global-setup.ts"],
    setupFiles: ["test/support/listed-errors.ts"],
    pool: "forks",
    // Two more than the cores of a small machine: many tests wait for processes and timers.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Nothing is asserted about time. These are for a machine that has much else to do.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
