/** A node of the control plane for tests: the store and its directory, on a real database. */

import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { tmpdir } from "node:os";
import { pino } from "pino";
import type { DirectoryListener } from "../../src/directory/directory.js";
import { createMemoryDirectory } from "../../src/directory/memory-directory.js";
import type { SyncedDirectory } from "../../src/directory/synced-directory.js";
import type { Principal } from "../../src/domain/instance.js";
import { type OpenStore, openStore, type StoreOptions } from "../../src/store/open-store.js";

export const testKey = Buffer.alloc(32, 7);
export const silent = pino({ level: "silent" });

/** What a directory told its listeners, in order. */
export interface News {
  readonly all: readonly string[];
  readonly revoked: readonly Principal[];
  /** Resolves once this has been told. */
  heard(news: string): Promise<void>;
}

export interface Node extends OpenStore {
  readonly directory: SyncedDirectory;
  readonly news: News;
  /** The token of the account that the first start made. */
  readonly firstToken: () => string | undefined;
}

/** Not ready yet. Fails where `openStore` fails. */
export async function openNode(databaseUrl: string | undefined, options: Partial<StoreOptions> = {}): Promise<Node> {
  const directory = createMemoryDirectory({ logger: silent });
  const news = listenTo(directory);
  let token: string | undefined;
  const opened = await openStore({
    databaseUrl,
    dataDir: tmpdir(),
    encryptionKey: testKey,
    accountInstanceQuota: 0,
    accountToken: undefined,
    logger: silent,
    directory,
    onFirstAccount: (made) => {
      token = made;
    },
    ...options,
  });
  return { ...opened, directory, news, firstToken: () => token };
}

export async function openReadyNode(databaseUrl: string, options?: Partial<StoreOptions>): Promise<Node> {
  const node = await openNode(databaseUrl, options);
  await node.ready;
  return node;
}

export const anyWebsocket = { enabled: true, events: [], mediaBase64: false } as const;

export async function makeInstance(node: Node, name: string) {
  const { account, token } = await node.store.createAccount({ name: `account of ${name}` });
  const instance = await node.store.createInstance({ accountId: account.id, name });
  return { ...instance, accountToken: token };
}

/**
 * Resolves when the node knows everything that was committed before. News of one database come in order, so it does once
 * it knows of something later; what changes before it is first seen is not told, hence as often as it takes.
 */
export async function caughtUp(writer: Node, node: Node): Promise<void> {
  const name = randomUUID();
  const { id } = await makeInstance(writer, name);
  for (let mediaBase64 = true; !node.news.all.includes(`changed ${name}`); mediaBase64 = !mediaBase64) {
    await writer.store.setWebsocket(id, { ...anyWebsocket, mediaBase64 });
  }
}

function listenTo(directory: SyncedDirectory): News {
  const all: string[] = [];
  const revoked: Principal[] = [];
  const emitter = new EventEmitter().setMaxListeners(0);
  const tell = (news: string) => {
    all.push(news);
    emitter.emit("news");
  };
  const listener: DirectoryListener = {
    instanceChanged: ({ instance }) => tell(`changed ${instance.name}`),
    instanceDeleted: (id) => tell(`deleted ${id}`),
    instanceCreated: () => {},
    consumersDisconnected: ({ kind, id }) => tell(`disconnected ${kind} ${id}`),
    principalRevoked: (principal) => {
      revoked.push(principal);
      tell(`revoked ${principal.kind} ${principal.id}`);
    },
  };
  directory.listen(listener);
  return {
    all,
    revoked,
    async heard(news) {
      while (!all.includes(news)) await once(emitter, "news");
    },
  };
}
