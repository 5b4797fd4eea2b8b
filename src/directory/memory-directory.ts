/**
 * Implements the directory. Accounts are objects, and instances are rows of bytes: see `instance-rows.ts`. An instance
 * becomes an object when somebody asks for it.
 */

import type { Logger } from "pino";
import type { WebhookFilter } from "../domain/webhook.js";
import type { VersionedWebsocket } from "../domain/websocket.js";
import type { DirectoryListener, Owner, OwnerListener } from "./directory.js";
import { InstanceRows } from "./instance-rows.js";
import { AccountNode, InstanceEntry, type TokenPrincipal } from "./owners.js";
import { PartedMap } from "./parted-map.js";
import { createReadQueue } from "./read-queue.js";
import { Slices } from "./slices.js";
import type { AccountRecord, DirectoryPage, InstanceRecord, OpenToken, SyncedDirectory } from "./synced-directory.js";
import { TokenTable, toHashText } from "./token-table.js";

export function createMemoryDirectory({ logger }: { logger: Logger }): SyncedDirectory {
  const accounts = new PartedMap<AccountNode>();
  const numbered = new Map<number, AccountNode>();
  let accountNumber = 0;
  const rows = new InstanceRows();
  /**
   * The instances that somebody asked for, by id. Each of them keeps its one object for as long as the instance exists.
   * All other instances are only rows.
   */
  const used = new PartedMap<InstanceEntry>();
  const tokens = new TokenTable(
    (hash) => entryOf(rows.findHash(hash)),
    (principal) => tell((listener) => listener.principalRevoked(principal)),
  );
  const listeners: DirectoryListener[] = [];
  let ownerListener: OwnerListener | undefined;
  const queue = createReadQueue();
  let open: OpenToken = () => "";
  const unreadable = new Set<string>();
  let ready = false;
  /** The number of the last complete reading of the database, or of the one that runs now. */
  let reading = 0;
  let stale = false;

  function tell(news: (listener: DirectoryListener) => void): void {
    for (const listener of listeners) {
      try {
        news(listener);
      } catch (error) {
        logger.error({ err: error }, "a listener of the directory failed");
      }
    }
  }

  /**
   * The listener for news of accounts and tokens. Undefined during the first reading of the database, because rows that
   * are found then are not news.
   */
  const owners = (): OwnerListener | undefined => (ready ? ownerListener : undefined);

  function tellDisconnected(owner: Owner): void {
    owners()?.consumersDisconnected(owner);
    tell((listener) => listener.consumersDisconnected(owner));
  }

  /**
   * The object for the instance of a row; made when there is none yet. Undefined for the row 0, and when the instance
   * has no object and its account is revoked.
   */
  function entryOf(row: number): InstanceEntry | undefined {
    if (row === 0) return undefined;
    const known = used.get(rows.id(row));
    if (known !== undefined) return known;
    const account = accountOf(row);
    if (account.ended) return undefined;
    const entry = new InstanceEntry(account, row, rows.read(row));
    used.set(entry.id, entry);
    account.used.set(entry.name, entry);
    return entry;
  }

  const accountOf = (row: number) => numbered.get(rows.accountNumber(row)) as AccountNode;

  /**
   * Decrypts the token of an instance. When that fails, returns undefined and logs the failure once per instance: this
   * instance is then left out of all answers, and all others are served.
   */
  function openToken({ id, row }: InstanceEntry): string | undefined {
    try {
      return open(rows.sealed(row), id);
    } catch (err) {
      if (!unreadable.has(id))
        logger.error({ err, instanceId: id }, "the instance is left out: its token cannot be decrypted");
      unreadable.add(id);
      return undefined;
    }
  }

  function readable(entry: InstanceEntry | undefined): InstanceEntry | undefined {
    return entry === undefined || entry.account.ended ? undefined : entry.opened(openToken);
  }

  function applyAccount({ id, disconnects, tokenHash, retiring }: AccountRecord): void {
    const hash = toHashText(tokenHash);
    let account = accounts.get(id);
    if (account === undefined) {
      account = new AccountNode(id, ++accountNumber, hash, disconnects);
      accounts.set(id, account);
      numbered.set(account.number, account);
      tokens.add(account, retiring);
      owners()?.accountCreated(id);
    } else if (tokens.update(account, hash, retiring)) owners()?.tokenRotated(account);
    account.seen = reading;
    if (account.disconnects === disconnects) return;
    account.disconnects = disconnects;
    tellDisconnected({ kind: "account", id, accountId: id });
  }

  /**
   * Ends an account and its own tokens, and reports these tokens as revoked. The rows of its instances stay until
   * `removeRows`, which also reports the tokens of the instances as revoked.
   */
  function endAccount(account: AccountNode): void {
    accounts.delete(account.id);
    account.ended = true;
    tokens.remove(account, true);
    owners()?.accountRevoked(account.id);
  }

  function applyInstance(record: InstanceRecord): void {
    const account = accounts.get(record.accountId);
    if (account === undefined) return;
    const row = rows.findId(record.id);
    if (row === 0) {
      const entry = record.retiring && entryOf(rows.add(record, account.number, reading));
      if (entry !== undefined) tokens.add(entry, record.retiring);
      else if (record.retiring === undefined) rows.add(record, account.number, reading);
      if (ready) tell((listener) => listener.instanceCreated(record.id, account.id));
      return;
    }
    const known = used.get(record.id);
    const same = rows.confirm(row, record, account.number, reading);
    if (same && record.retiring === undefined && (known === undefined || !tokens.hasRetiring(known))) return;
    const entry = known ?? entryOf(row);
    if (entry !== undefined) applyChange(entry, record, same);
  }

  function applyChange(entry: InstanceEntry, record: InstanceRecord, same: boolean): void {
    const { account, name } = entry;
    const hash = toHashText(record.tokenHash);
    const configured = !sameWebsocket(entry.websocket, record.websocket);
    const hooked = !sameWebhooks(entry.webhooks, record.webhooks);
    const renamed = name !== record.name;
    const disconnected = entry.disconnects !== record.disconnects;
    if (!same) {
      rows.remove(entry.row);
      entry.replace(rows.add(record, account.number, reading), record);
    }
    if (renamed) {
      if (account.used.get(name) === entry) account.used.delete(name);
      account.used.set(record.name, entry);
    }
    const rotated = tokens.update(entry, hash, record.retiring);
    if (rotated) owners()?.tokenRotated(entry);
    if ((renamed || rotated || configured) && readable(entry) !== undefined) {
      tell((listener) => listener.instanceChanged(entry));
    }
    if (hooked && readable(entry) !== undefined) tell((listener) => listener.webhooksChanged?.(entry));
    if (disconnected) tellDisconnected({ kind: "instance", id: entry.id, accountId: account.id });
  }

  /**
   * Removes an instance, and tells the listeners why. When its account was revoked, they hear that its tokens were
   * revoked, and close the sockets with 4001. Otherwise they hear that the instance was deleted, and close the sockets
   * with 4004.
   */
  function removeRow(row: number): void {
    const id = rows.id(row);
    const account = accountOf(row);
    const entry = used.get(id) ?? (account.ended ? new InstanceEntry(account, row, rows.read(row)) : undefined);
    const { name } = entry ?? rows.read(row);
    rows.remove(row);
    used.delete(id);
    // The name is removed only while it leads to this instance, because a new instance may have taken it in the same
    // reading of the database.
    if (entry !== undefined && account.used.get(entry.name) === entry) account.used.delete(entry.name);
    if (entry !== undefined) tokens.remove(entry, account.ended);
    if (account.ended) return;
    const gone = { accountId: account.id, name, nameTaken: rows.findName(account.number, name) !== 0 };
    tell((listener) => listener.instanceDeleted(id, gone));
  }

  async function removeRows(isGone: (row: number) => boolean, slices: Slices): Promise<void> {
    for (const row of rows.rows()) {
      if (isGone(row)) removeRow(row);
      if (slices.over) await slices.next();
    }
    for (const [number, { ended }] of numbered) if (ended) numbered.delete(number);
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
      if (account.seen !== reading) endAccount(account);
      if (slices.over) await slices.next();
    }
    await removeRows((row) => accountOf(row).ended || rows.seen(row) !== reading, slices);
  }

  return {
    get ready() {
      return ready;
    },

    get stale() {
      return stale;
    },

    setStale(now) {
      stale = now;
    },

    principal: (token) => tokens.principal(token),
    principalByHash: (tokenHash) => tokens.principalByHash(toHashText(tokenHash)),
    tokenHash: (principal) => Buffer.from((principal as TokenPrincipal).hash, "latin1"),
    instance(accountId, name) {
      const account = accounts.get(accountId);
      if (account === undefined) return undefined;
      const entry = account.used.get(name) ?? entryOf(rows.findName(account.number, name));
      return entry?.name === name ? readable(entry) : undefined;
    },
    instanceById: (id) => readable(used.get(id) ?? entryOf(rows.findId(id))),
    listen: (listener) => void listeners.push(listener),
    watchOwners(listener) {
      ownerListener = listener;
    },

    reload: (reader) =>
      queue.add("", async () => {
        const slices = new Slices();
        ({ open } = reader);
        reading++;
        for await (const page of reader.readAll()) await applyPage(page, slices);
        await removeUnseen(slices);
        ready = true;
      }),

    refresh: (reader, { kind, id }) =>
      queue.add(`${kind} ${id}`, async () => {
        // Before the first complete reading there is nothing to do: that reading will find the change.
        if (!ready) return;
        if (kind === "account") {
          const record = await reader.readAccount(id);
          const account = accounts.get(id);
          if (record !== undefined) applyAccount(record);
          else if (account !== undefined) {
            endAccount(account);
            await removeRows((row) => accountOf(row).ended, new Slices());
          }
        } else {
          const record = await reader.readInstance(id);
          const row = rows.findId(id);
          if (record !== undefined) applyInstance(record);
          else if (row !== 0) removeRow(row);
        }
      }),
  };
}

function sameWebhooks(a: readonly WebhookFilter[] = [], b: readonly WebhookFilter[] = []): boolean {
  return a.length === b.length && a.every(({ id, version }, i) => id === b[i]?.id && version === b[i]?.version);
}

function sameWebsocket(a: VersionedWebsocket | undefined, b: VersionedWebsocket | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.version === b.version &&
    a.enabled === b.enabled &&
    a.mediaBase64 === b.mediaBase64 &&
    a.events.length === b.events.length &&
    a.events.every((event, i) => event === b.events[i])
  );
}
