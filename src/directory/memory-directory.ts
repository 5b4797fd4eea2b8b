/** The directory in memory: every look-up is a few steps through maps. */

import type { Logger } from "pino";
import type { Websocket } from "../domain/websocket.js";
import type { DirectoryListener } from "./directory.js";
import { AccountNode, InstanceEntry } from "./owners.js";
import { PartedMap } from "./parted-map.js";
import { createReadQueue } from "./read-queue.js";
import type { AccountRecord, DirectoryPage, InstanceRecord, OpenToken, Replica } from "./replica.js";
import { Slices } from "./slices.js";
import { TokenTable, toHashText } from "./token-table.js";

export function createMemoryDirectory({ logger }: { logger: Logger }): Replica {
  const accounts = new PartedMap<AccountNode>();
  const instances = new PartedMap<InstanceEntry>();
  const tokens = new TokenTable((principal) => tell((listener) => listener.principalRevoked(principal)));
  const listeners: DirectoryListener[] = [];
  const queue = createReadQueue();
  const opener: { open: OpenToken } = { open: () => "" };
  const unreadable = new Set<string>();
  let ready = false;
  /** Counts the readings of everything. */
  let reading = 0;

  function tell(news: (listener: DirectoryListener) => void): void {
    for (const listener of listeners) {
      try {
        news(listener);
      } catch (error) {
        logger.error({ err: error }, "a listener of the directory failed");
      }
    }
  }

  /** One damaged row must not keep the others from being served. It is told once. */
  function readable(entry: InstanceEntry | undefined): InstanceEntry | undefined {
    if (entry === undefined) return undefined;
    const opens = entry.opens((err) => {
      if (!unreadable.has(entry.id))
        logger.error({ err, instanceId: entry.id }, "the instance is left out: its token can not be decrypted");
      unreadable.add(entry.id);
    });
    return opens ? entry : undefined;
  }

  function applyAccount({ id, tokenHash, retiring }: AccountRecord): void {
    const hash = toHashText(tokenHash);
    let account = accounts.get(id);
    if (account === undefined) {
      account = new AccountNode(id, hash, opener);
      accounts.set(id, account);
      tokens.add(account, retiring);
    } else tokens.update(account, hash, retiring);
    account.seen = reading;
  }

  /** Every token of the account ends; its instances are not deleted, so their sockets close with "token revoked". */
  async function removeAccount(account: AccountNode): Promise<void> {
    const slices = new Slices();
    accounts.delete(account.id);
    account.ended = true;
    tokens.remove(account, true);
    for (const entry of account.instances.values()) {
      instances.delete(entry.id);
      tokens.remove(entry, true);
      if (slices.over) await slices.next();
    }
  }

  function applyInstance(record: InstanceRecord): void {
    const account = accounts.get(record.accountId);
    if (account === undefined) return;
    const { id, name, websocket } = record;
    const hash = toHashText(record.tokenHash);
    const entry = instances.get(id);
    if (entry === undefined) {
      // The account's own string: one copy, not one per instance.
      const added = new InstanceEntry(account, id, name, hash, toHashText(record.sealed));
      added.websocket = websocket;
      added.seen = reading;
      instances.set(id, added);
      account.instances.set(name, added);
      tokens.add(added, record.retiring);
      return;
    }

    entry.seen = reading;
    const renamed = entry.name !== name;
    const configured = !sameWebsocket(entry.websocket, websocket);
    if (renamed) {
      if (account.instances.get(entry.name) === entry) account.instances.delete(entry.name);
      account.instances.set(name, entry);
    }
    if (configured) entry.websocket = websocket;
    if (renamed || entry.hash !== hash) entry.replace(name, toHashText(record.sealed));
    const rotated = tokens.update(entry, hash, record.retiring);
    if (renamed || rotated || configured) tell((listener) => listener.instanceChanged(entry));
  }

  function removeInstance(entry: InstanceEntry): void {
    instances.delete(entry.id);
    const named = entry.account.instances;
    // A new instance may have taken the name in the same reading.
    if (named.get(entry.name) === entry) named.delete(entry.name);
    tokens.remove(entry, false);
    tell((listener) => listener.instanceDeleted(entry.id));
  }

  async function applyPage(page: DirectoryPage, slices: Slices): Promise<void> {
    for (const record of page.accounts) {
      applyAccount(record);
      if (slices.over) await slices.next();
    }
    for (const record of page.instances) {
      applyInstance(record);
      if (slices.over) await slices.next();
    }
  }

  async function removeUnseen(slices: Slices): Promise<void> {
    for (const account of accounts.values()) {
      if (account.seen !== reading) await removeAccount(account);
      if (slices.over) await slices.next();
    }
    for (const entry of instances.values()) {
      if (entry.seen !== reading) removeInstance(entry);
      if (slices.over) await slices.next();
    }
  }

  return {
    get ready() {
      return ready;
    },

    principal: (token) => tokens.principal(token),
    instance: (accountId, name) => readable(accounts.get(accountId)?.instances.get(name)),
    instanceById: (id) => readable(instances.get(id)),
    listen: (listener) => void listeners.push(listener),

    reload: (reader) =>
      queue.add("", async () => {
        const slices = new Slices();
        opener.open = reader.open;
        reading++;
        for await (const page of reader.readAll()) await applyPage(page, slices);
        await removeUnseen(slices);
        ready = true;
      }),

    refresh: (reader, { kind, id }) =>
      queue.add(`${kind} ${id}`, async () => {
        // The first complete reading is still to come, and will see it.
        if (!ready) return;
        if (kind === "account") {
          const record = await reader.readAccount(id);
          const account = accounts.get(id);
          if (record !== undefined) applyAccount(record);
          else if (account !== undefined) await removeAccount(account);
        } else {
          const record = await reader.readInstance(id);
          const entry = instances.get(id);
          if (record !== undefined) applyInstance(record);
          else if (entry !== undefined) removeInstance(entry);
        }
      }),
  };
}

function sameWebsocket(a: Websocket | undefined, b: Websocket | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.enabled === b.enabled &&
    a.mediaBase64 === b.mediaBase64 &&
    a.events.length === b.events.length &&
    a.events.every((event, i) => event === b.events[i])
  );
}
