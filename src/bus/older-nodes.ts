/**
 * Knows whether nodes of older releases are on the bus, which send nothing to the subjects of accounts. NATS itself is asked,
 * because only a node that NATS knows can make us miss events: whether anybody listens to the probe of the older releases.
 */

import type { Logger } from "pino";
import { createInterest, type Interest, type InterestOptions } from "./nats-interest.js";
import { olderProbeName } from "./nats-subjects.js";

export interface OlderNodes {
  /** Known while somebody watches, from the first answer on. */
  readonly present: boolean;
  /**
   * Asks now, and then every second until the watch ends. An older node that joins is found after that second at the latest.
   */
  watch(): Watch;
}

export interface Watch {
  /** Resolves when the question was answered. Without NATS there is no answer, and the next one counts. Never rejects. */
  readonly answered: Promise<void>;
  end(): void;
}

export interface OlderNodesOptions extends InterestOptions {
  /** Called when an older node has come. */
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

  /** One question at a time: the answers to two cannot be told apart. */
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
