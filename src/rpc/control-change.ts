/** What a call changed for good, and with which kind of token: for the operator's log. No token, no payload. */

import type { Principal } from "../domain/instance.js";
import type { Websocket } from "../domain/websocket.js";

export interface ControlChange {
  readonly what: "instance created" | "instance deleted" | "channel configured";
  readonly instanceId: string;
  /** Its name. */
  readonly instance: string;
  /** The configuration that holds from now on, where one was given. */
  readonly websocket?: Websocket | undefined;
  readonly by: "account token" | "instance token";
  /** Of the account or the instance that the token belongs to. */
  readonly byId: string;
}

/** Hears of each change once, on the node that served the call. */
export type OnChange = (change: ControlChange) => void;

export function doneBy({ kind, id }: Principal): Pick<ControlChange, "by" | "byId"> {
  return { by: `${kind} token`, byId: id };
}
