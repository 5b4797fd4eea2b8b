/** Tells an expected error of JetStream from all others. */

import { JetStreamApiError } from "@nats-io/jetstream";

/** Turns an error of JetStream with this number into undefined. */
export function unless(code: number): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof JetStreamApiError && error.code === code) return undefined;
    throw error;
  };
}
