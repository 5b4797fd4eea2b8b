/**
 * The commands `eventwire instance …`. With them an operator creates, lists and deletes instances, and replaces the
 * token of an instance.
 */

import type { Command } from "commander";
import type { Instance } from "../domain/instance.js";
import type { InstanceListing, Store } from "../store/store.js";
import {
  type CommandLine,
  chooseAccount,
  graceOption,
  group,
  jsonOption,
  parseInstanceName,
  runCommand,
  showDisconnected,
  showGrace,
  table,
  tokenOption,
} from "./command.js";
import { accountOption, findInstance } from "./instance-option.js";

const pageRows = 1_000;

interface Options {
  account?: string;
  token?: string;
  json?: boolean;
}

export function addInstanceCommands(program: Command, line: CommandLine): void {
  const instance = group(program, "instance", "make, list and delete instances, and change their tokens");

  instance
    .command("create")
    .description("make an instance and print its token")
    .argument("<name>", "unique within its account", parseInstanceName)
    .addOption(accountOption())
    .addOption(tokenOption(line.instanceTokenMinLength))
    .addOption(jsonOption())
    .action((name: string, { account, token, json }: Options) =>
      runCommand(
        line,
        json,
        async (store) => store.createInstance({ accountId: (await chooseAccount(store, account)).id, name, token }),
        showToken,
      ),
    );

  instance
    .command("list")
    .description("list the instances of an account, oldest first; tokens only with --json")
    .addOption(accountOption())
    .addOption(jsonOption())
    .action(({ account, json }: Options) =>
      runCommand(
        line,
        json,
        async (store) => {
          const listed = await listAll(store, (await chooseAccount(store, account)).id);
          return listed.map(({ instance, status, websocket = null }) => ({ ...instance, status, websocket }));
        },
        (instances) =>
          table(
            ["ID", "NAME", "STATUS", "CHANNEL"],
            instances.map(({ id, name, status, websocket }) => [
              id,
              name,
              status,
              websocket === null ? "not configured" : websocket.enabled ? "enabled" : "disabled",
            ]),
          ),
      ),
    );

  instance
    .command("rotate")
    .description(
      "give an instance a new token and print it; sockets opened with the old one close with 4001 at its end",
    )
    .argument("<name>")
    .addOption(accountOption())
    .addOption(graceOption())
    .addOption(jsonOption())
    .action((name: string, { account, json, grace }: Options & { grace: number }) =>
      runCommand(
        line,
        json,
        async (store) => {
          const found = await findInstance(store, account, name);
          const token = await store.rotateInstanceToken(found.id, grace);
          if (token === undefined) throw new Error(`There is no instance ${name}.`);
          return { ...found, token };
        },
        (rotated) => [...showToken(rotated), ...showGrace(grace)],
      ),
    );

  instance
    .command("disconnect")
    .description("close all open connections of the instance's consumers, on all nodes; its token still works")
    .argument("<name>")
    .addOption(accountOption())
    .addOption(jsonOption())
    .action((name: string, { account, json }: Options) =>
      runCommand(
        line,
        json,
        async (store) => {
          const { id } = await findInstance(store, account, name);
          const nodes = await store.disconnectInstance(id);
          if (nodes === undefined) throw new Error(`There is no instance ${name}.`);
          return { id, name, disconnected: true, nodes };
        },
        ({ id, nodes }) => [`disconnected  ${name} (${id})`, ...showDisconnected(nodes)],
      ),
    );

  instance
    .command("delete")
    .description("delete an instance with its token and configuration; its sockets close with 4004")
    .argument("<name>")
    .addOption(accountOption())
    .addOption(jsonOption())
    .action((name: string, { account, json }: Options) =>
      runCommand(
        line,
        json,
        async (store) => {
          const { id } = await findInstance(store, account, name);
          await store.deleteInstance(id);
          return { id, name, deleted: true };
        },
        ({ id }) => [`deleted  ${name} (${id})`],
      ),
    );
}

/** Reads all instances of an account, page by page, because a statement may take the database at most ten seconds. */
async function listAll(store: Store, accountId: string): Promise<InstanceListing[]> {
  const listed: InstanceListing[] = [];
  for (;;) {
    const page = await store.listInstances(accountId, { after: listed.at(-1)?.position, limit: pageRows });
    listed.push(...page);
    if (page.length < pageRows) return listed;
  }
}

function showToken({ id, name, token }: Instance): string[] {
  return [`instance  ${name}`, `id        ${id}`, `token     ${token}`];
}
