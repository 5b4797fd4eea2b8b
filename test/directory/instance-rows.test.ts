/** Instances as rows of bytes: whatever is added, replaced and removed, each is found by its keys and says what it was told. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { InstanceRows } from "../../src/directory/instance-rows.js";
import type { InstanceRecord } from "../../src/directory/synced-directory.js";
import { toHashText } from "../../src/directory/token-table.js";
import { hashToken } from "../../src/domain/token.js";

function record(
  id: string,
  name: string,
  { token = id, events = [] as string[], version = 1, disconnects = 0 } = {},
): InstanceRecord {
  const websocket = events.length > 0 ? { enabled: true, events, mediaBase64: false, version } : undefined;
  const tokenHash = hashToken(token);
  return { id, accountId: "a", name, disconnects, sealed: Buffer.from(token), tokenHash, websocket } as InstanceRecord;
}

function expectRow(rows: InstanceRows, row: number, record: InstanceRecord): void {
  const { id, name, sealed, tokenHash, disconnects, websocket } = record;
  expect(rows.read(row)).toEqual({ id, name, hash: toHashText(tokenHash), disconnects, websocket });
  expect(rows.sealed(row)).toEqual(Buffer.from(sealed));
}

it("are found by id, by name within an account and by token, after any changes", () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 60 }),
    name: fc.oneof(fc.string({ maxLength: 100, unit: "grapheme" }), fc.constantFrom("desk", "Müller, Köln")),
    account: fc.integer({ min: 1, max: 2 }),
    token: fc.string({ maxLength: 128 }),
    events: fc.array(fc.constantFrom("call.update", "of a later release", "Größe"), { maxLength: 64 }),
    version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    disconnects: fc.nat(),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const rows = new InstanceRows();
      const model = new Map<string, { row: number; account: number; record: InstanceRecord }>();
      for (const { id, name, account, token, remove, ...more } of steps) {
        const key = `id ${id}`;
        const known = model.get(key);
        if (known !== undefined) rows.remove(known.row);
        model.delete(key);
        if (remove) continue;
        // Names and tokens have one owner; what a test draws may have two.
        const unique = record(key, `${name} of ${id}`, { ...more, token: `${token} of ${id}` });
        model.set(key, { row: rows.add(unique, account, 1), account, record: unique });
      }
      expect([...rows.rows()].sort()).toEqual([...model.values()].map(({ row }) => row).sort());
      for (const { row, account, record: kept } of model.values()) {
        expectRow(rows, row, kept);
        expect(rows.findId(kept.id)).toBe(row);
        expect(rows.findName(account, kept.name)).toBe(row);
        expect(rows.findName(3 - account, kept.name)).toBe(0);
        expect(rows.findHash(toHashText(kept.tokenHash))).toBe(row);
      }
      expect(rows.findId("id 61")).toBe(0);
    }),
    { numRuns: 50 },
  );
});

it("are confirmed by an equal record only, which marks them as seen", () => {
  const rows = new InstanceRows();
  const kept = record("i1", "desk", { events: ["call.update"] });
  const row = rows.add(kept, 1, 1);
  expect(rows.confirm(row, { ...kept, websocket: { ...kept.websocket } as never }, 1, 2)).toBe(true);
  expect(rows.seen(row)).toBe(2);
  for (const other of [
    { ...kept, name: "desk2" },
    { ...kept, sealed: Buffer.from("i2") },
    { ...kept, tokenHash: hashToken("other") },
    { ...kept, websocket: undefined },
    { ...kept, disconnects: 1 },
    record("i1", "desk", { events: ["call.update"], version: 2 }),
  ])
    expect(rows.confirm(row, other, 1, 3)).toBe(false);
  expect(rows.seen(row)).toBe(2);
});

it("fill many chunks, and take the places of those that were removed", () => {
  const rows = new InstanceRows();
  const count = 30_000;
  const made = Array.from({ length: count }, (_, i) => rows.add(record(`id ${i}`, `desk-${i}`), 1, 1));
  for (let i = 0; i < count; i += 2) rows.remove(made[i] as number);
  const last = Math.max(...made);
  for (let i = 0; i < count; i += 2) {
    const again = rows.add(record(`id ${i}`, `desk-${i}`, { token: `di ${i}` }), 1, 1);
    expect(again).toBeLessThanOrEqual(last);
  }
  for (let i = 0; i < count; i += 997) {
    expect(rows.read(rows.findId(`id ${i}`)).name).toBe(`desk-${i}`);
    expect(rows.read(rows.findName(1, `desk-${i}`)).id).toBe(`id ${i}`);
  }
  expect([...rows.rows()]).toHaveLength(count);
});

it("have no name that only looks like another when it is written as bytes", () => {
  const rows = new InstanceRows();
  rows.add(record("i1", "a".repeat(200)), 1, 1);
  expect(rows.findName(1, "a".repeat(201))).toBe(0);
  expect(rows.findId("x".repeat(10_000))).toBe(0);
});
