/**
 * The notes of the journal that say whose events are kept. Nodes that follow a scope renew its note. When all of them have died, the
 * note lasts until it expires, so that the consumers of a dead node find their events on another one.
 */

import type { HistoryScope } from "./history.js";
import type { Journal } from "./journal.js";

const prefix = "mode";
const everyInstance = "all";
/** How often a note is tried to be written while other nodes write it too. */
const attemptsMax = 1_000;

/**
 * Makes or renews the note of a scope. Resolves to the sequence number since which the events of the scope are kept without a pause.
 * Rejects when the journal ends.
 */
export async function keepMode(journal: Journal, scope: HistoryScope): Promise<number> {
  const name = `${prefix}.${scopeText(scope)}`;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const note = await journal.note(name);
    const [epoch, known] = note?.value.split(".") ?? [];
    // Events that nobody kept have no number. So the beginning of a mode takes a number: a position from before is smaller.
    const since = epoch === journal.epoch && known !== undefined ? Number(known) : await journal.mark({ kind: "step" });
    const written = await journal.writeNote(name, `${journal.epoch}.${since}`, note?.revision ?? 0);
    if (written !== undefined) return since;
  }
  throw new Error("other nodes write the same note without end");
}

/** Returns the scopes that have a note. */
export async function keptScopes(journal: Journal): Promise<HistoryScope[]> {
  return (await journal.noteNames(prefix)).map(readScope);
}

export function scopeText({ accountId, instanceId }: HistoryScope): string {
  return `${accountId}.${instanceId === "" ? everyInstance : instanceId}`;
}

export function readScope(text: string): HistoryScope {
  const [accountId = "", instanceId = ""] = text.split(".");
  return { accountId, instanceId: instanceId === everyInstance ? "" : instanceId };
}
