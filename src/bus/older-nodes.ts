/**
 * Knows whether nodes of older releases are on the bus, which send nothing to the subjects of accounts. It asks NATS
 * whether anybody listens to the probe of the older releases. NATS knows exactly the nodes whose events this node could
 * miss.
 */

import type { Logger } from "pino";
import { createInterest, type Interest, type InterestOptions } from "./nats-interest.js";
import { olderProbeName } from "./nats-subjects.js";

export interface OlderNodes {
  /**
   * Whether an older node was on the bus at the last answer. False before the first answer. It stays as it is when
   * nobody watches.
   */
  readonly present: boolean;
  /** Asks now, and then every second until all watches have ended. Several watches share the questions. */
  watch(): Watch;
}

export interface Watch {
  /**
   * Resolves when NATS has answered the question. Also resolves while NATS is away; then `present` stays as it is until
   * a later answer. Never rejects.
   */
  readonly answered: Promise<void>;
  /** Ends this watch. Call it once. */
  end(): void;
}

export interface OlderNodesOptions extends InterestOptions {
  /** Called when `present` becomes true. */
  readonly onPresent: () => void;
  readonly logger: Logger;
}

const askEveryMs = 1_000;

export function createOlderNodes({ onPresent, logger, ...options }: OlderNodesOptions): OlderNodes {
  let interest: Interest | undefined;
  let asking: Promise<void> | undefined;
  let watches = 0;
  let timer: NodeJS.Timeout | undefined;
  let present = false;

  /**
   * Asks NATS. A call during a question gets the answer to that question, because the answers to two questions cannot
   * be told apart.
   */
  function ask(): Promise<void> {
    asking ??= askOnce().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askOnce(): Promise<void> {
    interest ??= createInterest(options);
    interest.forget();
    interest.ask(olderProbeName);
    if (!(await options.link.confirm())) return;
    const before = present;
    present = !interest.nobody(olderProbeName);
    if (present && !before) {
      logger.warn(
        "a node of an older release uses the bus, or a program that listens to all of its subjects: a connection to a whole " +
          "account is refused for as long",
      );
      onPresent();
    } else if (before && !present) logger.info("no node of an older release uses the bus any more");
  }

  return {
    get present() {
      return present;
    },

    watch() {
      watches++;
      timer ??= setInterval(() => void ask(), askEveryMs).unref();
      return {
        answered: ask(),
        end() {
          if (--watches > 0) return;
          clearInterval(timer);
          timer = undefined;
        },
      };
    },
  };
}
