/**
 * The answers that the sender waits for. Ends them when their time is over, when their signal is aborted, and when the
 * sender closes.
 */

import type { Answer } from "./answer.js";
import { stoppedFailure } from "./outcome.js";

/**
 * How often the answers are looked at, in milliseconds, and so by how much an attempt may exceed its time. One timer for
 * all attempts costs less than a timer for each.
 */
const lookMs = 50;

export class AwaitedAnswers {
  /** A signal gets one listener for all its answers, because each listener of a signal makes each further one more expensive. */
  readonly #bySignal = new Map<AbortSignal | undefined, Set<Answer>>();
  #timer: NodeJS.Timeout | undefined;

  add(answer: Answer, signal: AbortSignal | undefined): void {
    this.#of(signal).add(answer);
    this.#timer ??= setInterval(() => this.#look(), lookMs);
  }

  delete(answer: Answer, signal: AbortSignal | undefined): void {
    this.#bySignal.get(signal)?.delete(answer);
  }

  /** Ends all attempts under way. */
  stop(): void {
    for (const answers of this.#bySignal.values()) stopAll(answers);
  }

  #of(signal: AbortSignal | undefined): Set<Answer> {
    const found = this.#bySignal.get(signal);
    if (found !== undefined) return found;
    const answers = new Set<Answer>();
    this.#bySignal.set(signal, answers);
    signal?.addEventListener("abort", () => this.#abort(signal), { once: true });
    return answers;
  }

  #abort(signal: AbortSignal): void {
    stopAll(this.#bySignal.get(signal) ?? []);
    this.#bySignal.delete(signal);
  }

  #look(): void {
    const now = performance.now();
    let awaited = 0;
    for (const answers of this.#bySignal.values()) {
      awaited += answers.size;
      for (const answer of answers) answer.expire(now);
    }
    if (awaited > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function stopAll(answers: Iterable<Answer>): void {
  for (const answer of answers) answer.stop(stoppedFailure);
}
