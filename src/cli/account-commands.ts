/**
 * The commands `eventwire account …`. With them an operator creates, lists and revokes accounts, and replaces the token
 * of an account.
 */

import type { Command } from "commander";
import {
  type CommandLine,
  chooseAccount,
  graceOption,
  group,
  jsonOption,
  runCommand,
  showDisconnected,
  showGrace,
  table,
  tokenOption,
} from "./command.js";

export function addAccountCommands(program: Command, line: CommandLine): void {
  const account = group(program, "account", "make, list and revoke accounts, and change their tokens");

  account
    .command("create")
    .description("make an account and print its token, which is shown only this once")
    .argument("<name>", "a name for people; it need not be unique")
    .addOption(tokenOption(() => 8))
    .addOption(jsonOption())
    .action((name: string, { token, json }: { token?: string; json?: boolean }) =>
      runCommand(
        line,
        json,
        async (store) => {
          const made = await store.createAccount({ name, token });
          return { id: made.account.id, name, token: made.token };
        },
        ({ id, token }) => [`account  ${name}`, `id       ${id}`, `token    ${token}`],
      ),
    );

  account
    .command("list")
    .description("list all accounts, oldest first")
    .addOption(jsonOption())
    .action(({ json }: { json?: boolean }) =>
      runCommand(
        line,
        json,
        (store) => store.listAccounts(),
        (accounts) =>
          table(
            ["ID", "NAME", "CREATED", "REVOKED"],
            accounts.map(({ id, name, createdAt, revokedAt }) => [
              id,
              name,
              createdAt.toISOString(),
              revokedAt?.toISOString() ?? "",
            ]),
          ),
      ),
    );

  account
    .command("rotate")
    .description(
      "give an account a new token and print it, only this once; sockets opened with the old one close at its end",
    )
    .argument("<account>", "its id or its name")
    .addOption(graceOption())
    .addOption(jsonOption())
    .action((wanted: string, { json, grace }: { json?: boolean; grace: number }) =>
      runCommand(
        line,
        json,
        async (store) => {
          const { id, name, isDefault } = await chooseAccount(store, wanted);
          const token = await store.rotateAccountToken(id, grace);
          if (token === undefined) throw new Error(`There is no account ${wanted}.`);
          return { id, name, isDefault, token };
        },
        ({ id, name, isDefault, token }) => [
          `account  ${name}`,
          `id       ${id}`,
          `token    ${token}`,
          ...showGrace(grace),
          ...(isDefault ? ["Where ACCOUNT_TOKEN is set, set it to this token before the next start."] : []),
        ],
      ),
    );

  account
    .command("disconnect")
    .description(
      "close all open connections of the consumers of an account and its instances, on all nodes; all tokens still work",
    )
    .argument("<account>", "its id or its name")
    .addOption(jsonOption())
    .action((wanted: string, { json }: { json?: boolean }) =>
      runCommand(
        line,
        json,
        async (store) => {
          const { id, name } = await chooseAccount(store, wanted);
          const nodes = await store.disconnectAccount(id);
          if (nodes === undefined) throw new Error(`There is no account ${wanted}.`);
          return { id, name, disconnected: true, nodes };
        },
        ({ id, name, nodes }) => [`disconnected  ${name} (${id})`, ...showDisconnected(nodes)],
      ),
    );

  account
    .command("revoke")
    .description("end the token of an account and the tokens of its instances; open sockets close with 4001")
    .argument("<account>", "its id or its name")
    .addOption(jsonOption())
    .action((wanted: string, { json }: { json?: boolean }) =>
      runCommand(
        line,
        json,
        async (store) => {
          const { id, name } = await chooseAccount(store, wanted);
          await store.revokeAccount(id);
          return { id, name, revoked: true };
        },
        ({ id, name }) => [`revoked  ${name} (${id})`],
      ),
    );
}
