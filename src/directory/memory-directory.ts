/** The directory in memory: every look-up is a few steps through maps. */

import { timingSafeEqual } from "node:crypto";
import type { Logger } from "pino";
import type { Instance, Principal } from "../domain/instance.js";
import { hashTokenText } from "../domain/token.js";
import type { Websocket } from "../domain/websocket.js";
import type { DirectoryListener, Entry } from "./directory.js";
import { createReadQueue } from "./read-queue.js";
import type { AccountRecord, InstanceRecord, Replica } from "./replica.js";

/** Tokens whose owners are remembered; they are forgotten when it is more. */
const recentMax = 1024;

class TokenPrincipal implements Principal {
  revoked = false;

  constructor(
    readonly kind: Principal["kind"],
    readonly id: string,
    readonly accountId: string,
    /** The hash of its token, one character per byte: a quarter of what a Buffer takes. */
    readonly hash: string,
  ) {}
}

class InstanceEntry implements Entry {
  constructor(
    public instance: Instance,
    public websocket: Websocket | undefined,
    public principal: TokenPrincipal,
  ) {}
}

interface AccountNode {
  readonly id: string;
  principal: TokenPrincipal;
  readonly instances: Map<string, InstanceEntry>;
}

export function createMemoryDirectory({ logger }: { logger: Logger }): Replica {
  const accounts = new Map<string, AccountNode>();
  const instances = new Map<string, InstanceEntry>();
  const principals = new Map<string, TokenPrincipal>();
  /** By the token itself: hashing it costs more than all else that admits a call. Who is revoked may be in it. */
  const recent = new Map<string, TokenPrincipal>();
  const listeners: DirectoryListener[] = [];
  const queue = createReadQueue();
  let ready = false;

  function tell(news: (listener: DirectoryListener) => void): void {
    for (const listener of listeners) {
      try {
        news(listener);
      } catch (error) {
        logger.error({ err: error }, "a listener of the directory failed");
      }
    }
  }

  function addPrincipal(kind: Principal["kind"], id: string, accountId: string, hash: string): TokenPrincipal {
    const principal = new TokenPrincipal(kind, id, accountId, hash);
    principals.set(hash, principal);
    return principal;
  }

  function revoke(principal: TokenPrincipal): void {
    principal.revoked = true;
    // Its token may have been given to another owner in the same reading.
    if (principals.get(principal.hash) === principal) principals.delete(principal.hash);
  }

  function applyAccount({ id, tokenHash }: AccountRecord): void {
    const hash = toKey(tokenHash);
    const account = accounts.get(id);
    if (account === undefined) {
      accounts.set(id, { id, principal: addPrincipal("account", id, id, hash), instances: new Map() });
    } else if (account.principal.hash !== hash) {
      const old = account.principal;
      revoke(old);
      account.principal = addPrincipal("account", id, id, hash);
      tell((listener) => listener.principalRevoked(old));
    }
  }

  /** Every token of the account ends; its instances are not deleted, so their sockets close with "token revoked". */
  function removeAccount(id: string): void {
    const account = accounts.get(id);
    if (account === undefined) return;
    accounts.delete(id);
    const revoked = [account.principal];
    for (const entry of account.instances.values()) {
      instances.delete(entry.instance.id);
      revoked.push(entry.principal);
    }
    for (const principal of revoked) revoke(principal);
    for (const principal of revoked) tell((listener) => listener.principalRevoked(principal));
  }

  function applyInstance(record: InstanceRecord): void {
    const { id, name, token } = record.instance;
    const account = accounts.get(record.instance.accountId);
    if (account === undefined) return;
    const hash = toKey(record.tokenHash);
    const entry = instances.get(id);
    if (entry === undefined) {
      // The account's own string: one copy, not one per instance.
      const instance = { id, accountId: account.id, name, token };
      const added = new InstanceEntry(instance, record.websocket, addPrincipal("instance", id, account.id, hash));
      instances.set(id, added);
      account.instances.set(name, added);
      return;
    }

    const old = entry.principal;
    const rotated = old.hash !== hash;
    const renamed = entry.instance.name !== name;
    if (!rotated && !renamed && sameWebsocket(entry.websocket, record.websocket)) return;
    entry.websocket = record.websocket;
    entry.instance = { id, accountId: account.id, name, token };
    if (renamed) {
      for (const [known, other] of account.instances) if (other === entry) account.instances.delete(known);
      account.instances.set(name, entry);
    }
    if (rotated) {
      revoke(old);
      entry.principal = addPrincipal("instance", id, account.id, hash);
      tell((listener) => listener.principalRevoked(old));
    }
    tell((listener) => listener.instanceChanged(entry));
  }

  function removeInstance(id: string): void {
    const entry = instances.get(id);
    if (entry === undefined) return;
    instances.delete(id);
    const { accountId, name } = entry.instance;
    const named = accounts.get(accountId)?.instances;
    // A new instance may have taken the name in the same reading.
    if (named?.get(name) === entry) named.delete(name);
    revoke(entry.principal);
    tell((listener) => listener.instanceDeleted(id));
  }

  return {
    get ready() {
      return ready;
    },

    principal(token) {
      const known = recent.get(token);
      if (known !== undefined && !known.revoked) return known;
      const hash = hashTokenText(token);
      const found = principals.get(hash);
      if (found === undefined || !sameHash(hash, found.hash)) return undefined;
      if (recent.size >= recentMax) recent.clear();
      recent.set(token, found);
      return found;
    },

    instance: (accountId, name) => accounts.get(accountId)?.instances.get(name),
    instanceById: (id) => instances.get(id),
    listen: (listener) => void listeners.push(listener),

    reload: (reader) =>
      queue.add("", async () => {
        const read = await reader.readAll();
        const accountIds = new Set(read.accounts.map((record) => record.id));
        for (const id of accounts.keys()) if (!accountIds.has(id)) removeAccount(id);
        const instanceIds = new Set(read.instances.map((record) => record.instance.id));
        for (const id of instances.keys()) if (!instanceIds.has(id)) removeInstance(id);
        for (const record of read.accounts) applyAccount(record);
        for (const record of read.instances) applyInstance(record);
        ready = true;
      }),

    refresh: (reader, { kind, id }) =>
      queue.add(`${kind} ${id}`, async () => {
        // The first complete reading is still to come, and will see it.
        if (!ready) return;
        if (kind === "account") {
          const record = await reader.readAccount(id);
          if (record === undefined) removeAccount(id);
          else applyAccount(record);
        } else {
          const record = await reader.readInstance(id);
          if (record === undefined) removeInstance(id);
          else applyInstance(record);
        }
      }),
  };
}

function toKey(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString("latin1");
}

const compared = [Buffer.alloc(32), Buffer.alloc(32)] as const;

/** In buffers made once: new ones cost three times the comparison. */
function sameHash(a: string, b: string): boolean {
  const [left, right] = compared;
  left.write(a, "latin1");
  right.write(b, "latin1");
  return timingSafeEqual(left, right);
}

function sameWebsocket(a: Websocket | undefined, b: Websocket | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.enabled === b.enabled &&
    a.mediaBase64 === b.mediaBase64 &&
    a.events.length === b.events.length &&
    a.events.every((event, i) => event === b.events[i])
  );
}
