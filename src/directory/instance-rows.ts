/**
 * Keeps every instance as a row of bytes. A row is found by the id of its instance, by its name within its account, or
 * by the hash of its current token.
 */

import { randomBytes } from "node:crypto";
import type { WebhookFilter } from "../domain/webhook.js";
import type { VersionedWebsocket, Websocket } from "../domain/websocket.js";
import { RowIndex } from "./row-index.js";
import { RowStore } from "./row-store.js";
import type { InstanceRecord } from "./synced-directory.js";

/** The fields of a row from which the directory makes an `InstanceEntry`. */
export interface InstanceRow {
  readonly id: string;
  readonly name: string;
  /** The SHA-256 of the current token, with one character per byte. */
  readonly hash: string;
  /** How often an operator has disconnected the consumers of the instance. */
  readonly disconnects: number;
  readonly websocket: VersionedWebsocket | undefined;
  /** The enabled webhooks. Undefined or absent when there are none. */
  readonly webhooks?: readonly WebhookFilter[] | undefined;
}

/*
 * A row holds these fields in this order: its length (4 bytes); the number of the last reading of the database that
 * found the instance (4); the number of the account (4); the lengths of the id, the name and the encrypted token (2
 * each); the version of the channel configuration (4); how often consumers were disconnected (4); the SHA-256 of the
 * token (32); the id; the name; the encrypted token; and the channel configuration as JSON. The enabled webhooks, when
 * there are some, follow as JSON after a line break. The numbers below are the places of the fields, in bytes.
 */
const at = {
  length: 0,
  seen: 4,
  account: 8,
  idLength: 12,
  nameLength: 14,
  sealedLength: 16,
  version: 18,
  disconnects: 22,
  hash: 26,
  id: 58,
} as const;
const hashBytes = 32;
/**
 * Largest row in bytes; a larger one is refused with an error. A row with the longest id, name, token and list of event
 * types that the contract allows is smaller.
 */
const rowBytesMax = 8_192;
/** Longest name or id that is looked up, in JavaScript's characters. No instance has a longer one. */
const keyLengthMax = 200;

export class InstanceRows {
  readonly #store = new RowStore();
  readonly #byId = new RowIndex((row) => this.#hash(row, at.id, this.#u16(row, at.idLength), 0));
  readonly #byName = new RowIndex((row) =>
    this.#hash(row, this.#nameFrom(row), this.#u16(row, at.nameLength), this.accountNumber(row)),
  );
  readonly #byHash = new RowIndex((row) => this.#hash(row, at.hash, hashBytes, 0));
  readonly #scratch = Buffer.alloc(rowBytesMax);
  readonly #key = Buffer.alloc(rowBytesMax);
  /**
   * A random seed for the hashes. Without it, a client could choose names that all fall on the same slot of an index.
   */
  readonly #seed = randomBytes(4).readInt32LE();
  readonly #channels = new WeakMap<Websocket, Buffer>();
  /**
   * The configurations that were read last, by their version and their JSON. Rows with the same version and JSON share
   * one object. With more than 1,024, all of them are forgotten.
   */
  readonly #websockets = new Map<string, VersionedWebsocket>();

  /** The number of the row with this id. 0 when no instance has this id. */
  findId(id: string): number {
    if (id.length > keyLengthMax) return 0;
    const length = this.#key.write(id);
    return this.#byId.find(
      this.#mix(this.#key, 0, length, 0),
      (row) => this.#u16(row, at.idLength) === length && this.#isKey(row, at.id, length),
    );
  }

  /** The number of the row with this name in the account with the number `account`. 0 when there is none. */
  findName(account: number, name: string): number {
    if (name.length > keyLengthMax) return 0;
    const length = this.#key.write(name);
    return this.#byName.find(
      this.#mix(this.#key, 0, length, account),
      (row) =>
        this.#u16(row, at.nameLength) === length &&
        this.accountNumber(row) === account &&
        this.#isKey(row, this.#nameFrom(row), length),
    );
  }

  /** The number of the row whose current token has this hash. 0 when there is none. */
  findHash(hash: string): number {
    this.#key.write(hash, "latin1");
    return this.#byHash.find(this.#mix(this.#key, 0, hashBytes, 0), (row) => this.#isKey(row, at.hash, hashBytes));
  }

  /**
   * Adds a row for an instance that has none, and returns the number of the row. `seen` is the number of the reading of
   * the database that found the instance.
   */
  add(record: InstanceRecord, accountNumber: number, seen: number): number {
    const row = this.#store.add(this.#encode(record, accountNumber, seen));
    this.#byId.add(row);
    this.#byName.add(row);
    this.#byHash.add(row);
    return row;
  }

  /**
   * Whether the row has the same content as the record. If so, notes in the row that the reading with the number `seen`
   * found the instance.
   */
  confirm(row: number, record: InstanceRecord, accountNumber: number, seen: number): boolean {
    const encoded = this.#encode(record, accountNumber, seen);
    const length = this.#u32(row, at.length);
    if (length !== encoded.length) return false;
    const bytes = this.#store.bytes(row, length);
    if (bytes.compare(encoded, at.account, length, at.account, length) !== 0) return false;
    bytes.writeUInt32LE(seen, at.seen);
    return true;
  }

  remove(row: number): void {
    this.#byId.remove(row);
    this.#byName.remove(row);
    this.#byHash.remove(row);
    this.#store.remove(row, this.#u32(row, at.length));
  }

  seen(row: number): number {
    return this.#u32(row, at.seen);
  }

  accountNumber(row: number): number {
    return this.#u32(row, at.account);
  }

  read(row: number): InstanceRow {
    const bytes = this.#store.bytes(row, this.#u32(row, at.length));
    const nameFrom = this.#nameFrom(row);
    const sealedFrom = nameFrom + bytes.readUInt16LE(at.nameLength);
    const text = bytes.toString("latin1", sealedFrom + bytes.readUInt16LE(at.sealedLength));
    const lineBreak = text.indexOf("\n");
    const channel = lineBreak === -1 ? text : text.slice(0, lineBreak);
    return {
      id: bytes.toString("utf8", at.id, nameFrom),
      name: bytes.toString("utf8", nameFrom, sealedFrom),
      hash: bytes.toString("latin1", at.hash, at.hash + hashBytes),
      disconnects: bytes.readUInt32LE(at.disconnects),
      websocket: channel === "" ? undefined : this.#websocket(bytes.readUInt32LE(at.version), channel),
      webhooks: lineBreak === -1 ? undefined : JSON.parse(Buffer.from(text.slice(lineBreak), "latin1").toString()),
    };
  }

  id(row: number): string {
    const from = this.#store.offset(row) + at.id;
    return this.#store.chunk(row).toString("utf8", from, from + this.#u16(row, at.idLength));
  }

  /** The encrypted token of the row's instance. */
  sealed(row: number): Buffer {
    const bytes = this.#store.bytes(row, this.#u32(row, at.length));
    const from = this.#nameFrom(row) + bytes.readUInt16LE(at.nameLength);
    return bytes.subarray(from, from + bytes.readUInt16LE(at.sealedLength));
  }

  rows(): Generator<number> {
    return this.#byId.rows();
  }

  #encode(record: InstanceRecord, accountNumber: number, seen: number): Buffer {
    const { sealed, tokenHash } = record;
    const row = this.#scratch;
    const idLength = row.write(record.id, at.id);
    const nameLength = row.write(record.name, at.id + idLength);
    const channel = record.websocket === undefined ? undefined : this.#channel(record.websocket);
    const webhooks = record.webhooks && Buffer.from(`\n${JSON.stringify(record.webhooks)}`);
    const sealedFrom = at.id + idLength + nameLength;
    const channelFrom = sealedFrom + sealed.length;
    const webhooksFrom = channelFrom + (channel?.length ?? 0);
    const length = webhooksFrom + (webhooks?.length ?? 0);
    if (length > rowBytesMax) throw new Error(`the instance ${record.id} is larger than any can be`);
    row.writeUInt32LE(length, at.length);
    row.writeUInt32LE(seen, at.seen);
    row.writeUInt32LE(accountNumber, at.account);
    row.writeUInt16LE(idLength, at.idLength);
    row.writeUInt16LE(nameLength, at.nameLength);
    row.writeUInt16LE(sealed.length, at.sealedLength);
    row.writeUInt32LE(record.websocket?.version ?? 0, at.version);
    row.writeUInt32LE(record.disconnects, at.disconnects);
    row.set(tokenHash, at.hash);
    row.set(sealed, sealedFrom);
    if (channel !== undefined) row.set(channel, channelFrom);
    if (webhooks !== undefined) row.set(webhooks, webhooksFrom);
    return row.subarray(0, length);
  }

  #channel(websocket: Websocket): Buffer {
    const known = this.#channels.get(websocket);
    if (known !== undefined) return known;
    const { enabled, events, mediaBase64 } = websocket;
    const channel = Buffer.from(JSON.stringify({ enabled, events, mediaBase64 }));
    this.#channels.set(websocket, channel);
    return channel;
  }

  #websocket(version: number, channel: string): VersionedWebsocket {
    const key = `${version} ${channel}`;
    const known = this.#websockets.get(key);
    if (known !== undefined) return known;
    if (this.#websockets.size >= 1_024) this.#websockets.clear();
    const websocket = { ...(JSON.parse(Buffer.from(channel, "latin1").toString()) as Websocket), version };
    this.#websockets.set(key, websocket);
    return websocket;
  }

  /** Whether the first `length` bytes of `#key` stand in the row at `offset`. */
  #isKey(row: number, offset: number, length: number): boolean {
    const from = this.#store.offset(row) + offset;
    return this.#key.compare(this.#store.chunk(row), from, from + length, 0, length) === 0;
  }

  #nameFrom(row: number): number {
    return at.id + this.#u16(row, at.idLength);
  }

  #hash(row: number, offset: number, length: number, account: number): number {
    return this.#mix(this.#store.chunk(row), this.#store.offset(row) + offset, length, account);
  }

  /**
   * Hashes bytes and the number of an account with FNV-1a, from the random seed on. The last two lines spread the hash
   * over all of its bits.
   */
  #mix(bytes: Buffer, from: number, length: number, account: number): number {
    let hash = this.#seed ^ account;
    for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 16_777_619);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #u32(row: number, offset: number): number {
    return this.#store.chunk(row).readUInt32LE(this.#store.offset(row) + offset);
  }

  #u16(row: number, offset: number): number {
    return this.#store.chunk(row).readUInt16LE(this.#store.offset(row) + offset);
  }
}
