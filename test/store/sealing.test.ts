import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyFromFile } from "../../src/store/encryption/encryption-key.js";
import { createSealer } from "../../src/store/encryption/sealing.js";

const sealer = createSealer(Buffer.alloc(32, 1));

describe("a sealed token", () => {
  it.each(["ti_9b1c", "", "x".repeat(128), "ü"])("opens to what it was: '%s'", (token) => {
    expect(sealer.open(sealer.seal(token, "owner"), "owner")).toBe(token);
  });

  it("looks different each time", () => {
    expect(sealer.seal("same", "owner")).not.toEqual(sealer.seal("same", "owner"));
  });

  it("does not open with another key, for another owner, or when a bit has changed", () => {
    const sealed = sealer.seal("token", "owner");
    expect(() => createSealer(Buffer.alloc(32, 2)).open(sealed, "owner")).toThrow();
    expect(() => sealer.open(sealed, "somebody")).toThrow();
    for (let i = 0; i < sealed.length; i++) {
      const damaged = Buffer.from(sealed);
      damaged[i] = (damaged[i] as number) ^ 1;
      expect(() => sealer.open(damaged, "owner")).toThrow();
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => sealer.open(sealed.subarray(0, length), "owner")).toThrow();
    }
  });
});

describe("the key file", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "eventwire-test-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** As a start on a database that was never used. */
  async function make(path: string): Promise<Buffer> {
    const key = await keyFromFile(path, true);
    expect(await key.settle(true)).toBe(true);
    return key.read();
  }

  it("is made once, for its owner only", async () => {
    const key = await make(join(directory, "made", "here"));
    expect(key).toHaveLength(32);
    const file = join(directory, "made", "here", "encryption.key");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8").trim()).toBe(key.toString("hex"));
    expect(await make(join(directory, "made", "here"))).toEqual(key);
  });

  it("is one key for several starts at once", async () => {
    const keys = await Promise.all([1, 2, 3].map(() => make(directory)));
    expect(new Set(keys.map((key) => key.toString("hex"))).size).toBe(1);
    expect(readdirSync(directory)).toEqual(["encryption.key"]);
  });

  it("is not made for a database that was used with one, nor by a command", async () => {
    for (const [mayMake, neverUsed] of [
      [true, false],
      [false, true],
    ] as const)
      expect(await (await keyFromFile(directory, mayMake)).settle(neverUsed)).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("is found that another start made meanwhile", async () => {
    const late = await keyFromFile(directory, true);
    const key = await make(directory);
    expect(await late.settle(false)).toBe(true);
    expect(late.read()).toEqual(key);
  });

  it.each([0o644, 0o640, 0o660, 0o604, 0o602])("with the mode %o is refused, with what closes it", async (mode) => {
    await make(directory);
    const file = join(directory, "encryption.key");
    chmodSync(file, mode);
    await expect(keyFromFile(directory, true)).rejects.toThrow(`(chmod 600 ${file})`);
  });

  it("is not put where every user could replace it", async () => {
    chmodSync(directory, 0o1777);
    await expect(make(directory)).rejects.toThrow(`(chmod o-w ${directory})`);
  });

  it("that holds something else stops the start with its name", async () => {
    const file = join(directory, "encryption.key");
    writeFileSync(file, "short", { mode: 0o600 });
    await expect(keyFromFile(directory, true)).rejects.toThrow(file);
  });

  it("that cannot be made stops the start with the directory's name", async () => {
    await expect(make("/dev/null/data")).rejects.toThrow("/dev/null/data");
  });
});
