/** Variables that were meant to be settings. */

import { describe, expect, it } from "vitest";
import { settingTable } from "../src/settings/setting-table.js";
import { findTypos } from "../src/settings/setting-typos.js";

describe("a variable one slip away from a setting is found", () => {
  it.each([
    ["PROT", "PORT"],
    ["PRT", "PORT"],
    ["PORTS", "PORT"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["LOG_LEVLE", "LOG_LEVEL"],
    ["DATABSE_URL", "DATABASE_URL"],
    ["ALOWED_ORIGINS", "ALLOWED_ORIGINS"],
    ["TLS_CART", "TLS_CERT"],
  ])("%s for %s", (variable, setting) => {
    expect(findTypos({ [variable]: "x" })).toEqual([{ variable, setting }]);
  });
});

describe("nothing is found", () => {
  it("in settings, though some are one letter apart", () => {
    const all = Object.fromEntries(Object.values(settingTable).map(({ env }) => [env, ""]));
    expect(findTypos(all)).toEqual([]);
  });

  it.each(["HOME", "PATH", "PWD", "USER", "LANG", "TERM", "SHELL", "HOSTNAME", "NODE_ENV", "PORTAL", "OPRTS", "port"])(
    "in %s",
    (variable) => expect(findTypos({ [variable]: "x" })).toEqual([]),
  );
});
