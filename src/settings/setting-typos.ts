/**
 * Finds environment variables that are no setting, but whose names are one typing error away from the name of a
 * setting. Only settings of the service count.
 */

import { settingTable } from "./setting-table.js";
import type { Environment } from "./settings.js";

export interface Typo {
  readonly variable: string;
  readonly setting: string;
}

export function findTypos(env: Environment): Typo[] {
  const settings = Object.values(settingTable).map((row) => row.env);
  const known = new Set<string>(settings);
  return Object.keys(env)
    .filter((variable) => !known.has(variable))
    .flatMap((variable) => {
      const setting = settings.find((name) => isOneSlipAway(variable, name));
      return setting === undefined ? [] : [{ variable, setting }];
    });
}

/**
 * Whether one typing error turns one name into the other: a letter too many, a letter too few, a wrong letter, or two
 * neighbouring letters in the wrong order.
 */
function isOneSlipAway(a: string, b: string): boolean {
  if (a.length > b.length) return isOneSlipAway(b, a);
  if (b.length - a.length > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  if (a.length < b.length) return a.slice(start) === b.slice(start + 1);
  if (start === a.length) return false;
  if (a.slice(start + 1) === b.slice(start + 1)) return true;
  return a[start] === b[start + 1] && a[start + 1] === b[start] && a.slice(start + 2) === b.slice(start + 2);
}
