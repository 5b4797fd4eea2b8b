/** How a command finds the instance that it is about: by its name, in the account that an option names. */

import { Option } from "commander";
import type { Instance } from "../domain/instance.js";
import type { Store } from "../store/store.js";
import { chooseAccount } from "./command.js";

export function accountOption(): Option {
  return new Option("--account <account>", "id or name of the account; not needed while there is only one");
}

/** Throws an error with a sentence when there is no such instance. */
export async function findInstance(store: Store, account: string | undefined, name: string): Promise<Instance> {
  const found = await store.findInstance((await chooseAccount(store, account)).id, name);
  if (found === undefined) throw new Error(`There is no instance ${name}.`);
  return found;
}
