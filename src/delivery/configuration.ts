/** The configuration of an instance as delivery needs it. */

import type { Entry } from "../directory/directory.js";
import { compileFilter, type Filter } from "../domain/filter.js";
import type { Instance } from "../domain/instance.js";

export interface Configuration {
  readonly instance: Instance;
  /** Whether the channel accepts new connections. */
  readonly enabled: boolean;
  /**
   * The filter of the last enabled channel configuration. After the channel is disabled, open connections still get
   * exactly what this filter takes.
   */
  readonly filter: Filter;
  /** How often the channel configuration has changed. */
  readonly version: number;
}

/** The filter of an instance whose channel was never enabled. This filter takes no event. */
const noFilter: Filter = { types: 0, mediaBase64: false };

/** Makes the configuration of an instance. `before` is the configuration that was in force until now. */
export function configurationOf({ instance, websocket }: Entry, before?: Configuration): Configuration {
  const enabled = websocket?.enabled ?? false;
  const filter = websocket?.enabled ? compileFilter(websocket) : (before?.filter ?? noFilter);
  return { instance, enabled, filter, version: websocket?.version ?? 0 };
}
