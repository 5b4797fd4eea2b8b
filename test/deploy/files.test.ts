/** The files of `deploy/`, as far as their own tools judge them without a container engine or a running systemd. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { canRun } from "../support/can-run.js";

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

const hasCompose = await canRun("docker-compose", ["version"]);

it.skipIf(!hasCompose)("the compose file is valid, and both nodes have the same key, token and database", async () => {
  const { stdout } = await composeConfig(required);
  for (const name of ["node1", "node2", "balancer", "postgres", "nats"])
    expect(stdout).toMatch(new RegExp(`^ {2}${name}:$`, "m"));
  for (const value of Object.values(required).slice(0, 3)) expect(stdout.split(value)).toHaveLength(3);
});

it.skipIf(!hasCompose).each(Object.keys(required))("the compose file asks for %s", async (missing) => {
  await expect(composeConfig({ ...required, [missing]: "" })).rejects.toThrow(missing);
});

// It also looks for the program that the unit starts.
const canVerify = existsSync("/usr/bin/node") && (await canRun("systemd-analyze", ["--version"]));

it.skipIf(!canVerify)("the unit is valid", async () => {
  const { stdout, stderr } = await run("systemd-analyze", ["verify", "deploy/eventwire.service"]);
  expect(`${stdout}${stderr}`).toBe("");
});

it.skipIf(!(await canRun("nats-server", ["--version"])))("the configuration of NATS is valid", async () => {
  const { stdout, stderr } = await run("nats-server", ["-t", "-c", "deploy/nats.conf"]);
  expect(`${stdout}${stderr}`).toContain("is valid");
});
