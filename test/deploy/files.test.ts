/** The files of `deploy/`, as far as their own tools judge them without a container engine or a running systemd. */

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";

const run = promisify(execFile);

const required = {
  PUBLIC_URL: "https://events.example.net",
  ENCRYPTION_KEY: "0".repeat(64),
  ACCOUNT_TOKEN: "ta_of-the-compose-file",
  POSTGRES_PASSWORD: "password",
};

function composeConfig(env: Record<string, string>): Promise<{ stdout: string }> {
  const args = ["--file", "deploy/compose.yaml", "config"];
  return run("docker-compose", args, { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } });
}

const lacksCompose = await lacks("docker-compose");

it.skipIf(lacksCompose)("the compose file is valid, and both nodes have the same key, token and database", async () => {
  const { stdout } = await composeConfig(required);
  for (const name of ["node1", "node2", "balancer", "postgres", "nats"])
    expect(stdout).toMatch(new RegExp(`^ {2}${name}:$`, "m"));
  for (const value of Object.values(required).slice(0, 3)) expect(stdout.split(value)).toHaveLength(3);
});

it.skipIf(lacksCompose).each(Object.keys(required))("the compose file asks for %s", async (missing) => {
  await expect(composeConfig({ ...required, [missing]: "" })).rejects.toThrow(missing);
});

it.skipIf(await lacks("systemd-analyze"))("the unit is valid", async () => {
  const unit = readFileSync("deploy/eventwire.service", "utf8");
  const file = join(temporaryDirectory(), "eventwire.service");
  // systemd also looks for the program that the unit starts, which may stand elsewhere on this machine.
  writeFileSync(file, unit.replaceAll("/usr/bin/node", process.execPath));
  const { stdout, stderr } = await run("systemd-analyze", ["verify", file]);
  expect(`${stdout}${stderr}`).toBe("");
});

it.skipIf(await lacks("promtool"))("the alerts are valid", async () => {
  const { stdout } = await run("promtool", ["check", "rules", "deploy/alerts.yaml"]);
  expect(stdout).toContain("SUCCESS");
});

it.skipIf(await lacks("nats-server"))("the configuration of NATS is valid", async () => {
  const { stdout, stderr } = await run("nats-server", ["-t", "-c", "deploy/nats.conf"]);
  expect(`${stdout}${stderr}`).toContain("is valid");
});
