/** Every way to prove who we are reaches a real nats-server, and a wrong one is told without a secret. */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Bus } from "../../src/bus/bus.js";
import { openNatsBus } from "../../src/bus/nats-bus.js";
import type { NatsServers } from "../../src/bus/nats-choice.js";
import { collector, eventOf, newInstance, numbers, subscribed } from "../support/bus-suite.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

/** Of @nats-io/transport-node itself. */
const { createUser, createAccount, createOperator } = createRequire(
  createRequire(import.meta.url).resolve("@nats-io/transport-node"),
)("@nats-io/nkeys") as typeof import("@nats-io/nkeys");

async function server(config: string): Promise<NatsServer> {
  const nats = await startNatsServer(config);
  onTestFinished(() => nats.close());
  return nats;
}

const log: string[] = [];
const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(line) });

async function open(choice: NatsServers): Promise<Bus> {
  const bus = await openNatsBus({ nats: { subjectPrefix: "secure", way: choice }, mayBeWanted: () => true, logger });
  onTestFinished(() => bus.close());
  return bus;
}

/** Two nodes with the same settings hear each other. */
async function expectToWork(choice: NatsServers): Promise<void> {
  const [near, far] = [await open(choice), await open(choice)];
  expect([near.trouble(), far.trouble(), log.at(-1)]).toEqual([undefined, undefined, log.at(-1)]);
  const instance = newInstance();
  const ear = collector();
  await subscribed(far, instance, ear.handler);
  near.publish(eventOf(instance, 1));
  expect(await near.flush()).toBe(true);
  expect(numbers(await ear.have(1))).toEqual([1]);
}

function file(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** A certificate authority, and what it has signed for a server and for a client. */
function certificates(
  directory: string,
  names: string,
): Record<"ca" | "server" | "client", { cert: string; key: string }> {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", "-days", "2", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority");
  for (const name of ["server", "client"]) {
    file(directory, `${name}.ext`, `subjectAltName=${names}\n`);
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
    openssl("x509", "-req", "-days", "2", "-in", `${name}.csr`, "-out", `${name}.pem`, ...signed);
  }
  const pair = (name: string) => ({ cert: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) });
  return { ca: pair("ca"), server: pair("server"), client: pair("client") };
}

function tls({ ca, server }: ReturnType<typeof certificates>, more = ""): string {
  return `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${ca.cert}"\n${more} }`;
}

/** A signed JWT as `nsc` makes it. */
function jwt(subject: string, name: string, nats: object, issuer: ReturnType<typeof createUser>): string {
  const base64 = (value: object | Uint8Array) =>
    Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString("base64url");
  const claims = {
    jti: name,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name,
    sub: subject,
    nats,
  };
  const signed = `${base64({ typ: "JWT", alg: "ed25519-nkey" })}.${base64(claims)}`;
  return `${signed}.${base64(issuer.sign(Buffer.from(signed)))}`;
}

describe.skipIf(await lacks("nats-server"))("NATS takes", () => {
  it("a user with a password", async () => {
    const nats = await server('authorization { user: "node", password: "hunter22" }');
    await expectToWork({ servers: [nats.url], user: "node", password: "hunter22" });
  });

  it("a token", async () => {
    const nats = await server('authorization { token: "hunter22" }');
    await expectToWork({ servers: [nats.url], token: "hunter22" });
  });

  it("an NKey", async () => {
    const key = createUser();
    const nats = await server(`authorization { users: [ { nkey: ${key.getPublicKey()} } ] }`);
    const seed = Buffer.from(key.getSeed()).toString();
    await expectToWork({ servers: [nats.url], nkeyFile: file(temporaryDirectory(), "seed.nk", `${seed}\n`) });
  });

  it("a credentials file", async () => {
    const [operator, account, user] = [createOperator(), createAccount(), createUser()];
    const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
    const any = { pub: {}, sub: {} };
    const operatorJwt = jwt(operator.getPublicKey(), "O", { type: "operator", version: 2 }, operator);
    const accountNats = { limits, default_permissions: any, type: "account", version: 2 };
    const accountJwt = jwt(account.getPublicKey(), "A", accountNats, operator);
    const userNats = { ...any, subs: -1, data: -1, payload: -1, type: "user", version: 2 };
    const userJwt = jwt(user.getPublicKey(), "U", userNats, account);
    const nats = await server(
      `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
    );
    const creds = [
      `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n`,
      `-----BEGIN USER NKEY SEED-----\n${Buffer.from(user.getSeed()).toString()}\n------END USER NKEY SEED------\n`,
    ].join("\n");
    await expectToWork({ servers: [nats.url], credsFile: file(temporaryDirectory(), "node.creds", creds) });
  });

  it.each(["tls", "nats"])(
    "a connection by %s:// that is encrypted under an authority of one's own",
    async (scheme) => {
      const made = certificates(temporaryDirectory(), "DNS:localhost");
      const nats = await server(tls(made));
      await expectToWork({ servers: [`${scheme}://localhost:${nats.port}`], tlsCa: made.ca.cert });
    },
  );

  it("a certificate of the node, where it wants one", async () => {
    const made = certificates(temporaryDirectory(), "DNS:localhost");
    const nats = await server(tls(made, "verify: true"));
    const servers = [`tls://localhost:${nats.port}`];
    await expectToWork({ servers, tlsCa: made.ca.cert, tlsCert: made.client.cert, tlsKey: made.client.key });
  });
});

describe.skipIf(await lacks("nats-server"))("a node that NATS does not let in", () => {
  it("starts, says why without a secret, and gets in once NATS knows it", async () => {
    const [right, wrong] = ["hunter22", "another"].map((pw) => `authorization { user: "node", password: "${pw}" }`);
    const nats = await server(wrong as string);
    log.length = 0;
    const bus = await open({ servers: [nats.url], user: "node", password: "hunter22" });
    expect(bus.trouble()).toBe("unreachable");
    expect(log.join("")).toContain("Authorization Violation");
    await nats.kill();
    await nats.start(right);
    await until(() => bus.trouble() === undefined);
    // The other way round, while it is connected.
    await nats.kill();
    await nats.start(wrong);
    await until(() => log.filter((line) => line.includes("Authorization Violation")).length > 1);
    expect(bus.trouble()).toBe("unreachable");
    await nats.kill();
    await nats.start(right);
    await until(() => bus.trouble() === undefined);
    expect(log.join("")).not.toContain("hunter22");
  });

  it("does not trust a server whose certificate is not for it or not of its authority", async () => {
    const [made, other] = [
      certificates(temporaryDirectory(), "DNS:example.net"),
      certificates(temporaryDirectory(), "DNS:localhost"),
    ];
    const nats = await server(tls(made));
    const servers = [`tls://localhost:${nats.port}`];
    log.length = 0;
    expect((await open({ servers, tlsCa: made.ca.cert })).trouble()).toBe("unreachable");
    expect(log.join("")).toContain("does not match certificate's altnames");
    expect((await open({ servers, tlsCa: other.ca.cert })).trouble()).toBe("unreachable");
    // Nor one that does without.
    const plain = await server("");
    expect((await open({ servers: [`tls://localhost:${plain.port}`] })).trouble()).toBe("unreachable");
  });

  it.each([
    ["publish", 'publish: { deny: "secure.>" }'],
    ["subscribe", 'subscribe: { deny: "secure.>" }'],
  ])("to %s is not connected until that is allowed, and says what is missing", async (what, permissions) => {
    const users = (granted: string) =>
      `authorization { users: [ { user: "node", password: "p4ss", permissions: { ${granted} } } ] }`;
    const nats = await server(users(permissions));
    log.length = 0;
    const bus = await open({ servers: [nats.url], user: "node", password: "p4ss" });
    expect(bus.trouble()).toBe("unreachable");
    bus.publish(eventOf(newInstance(), 1));
    expect(await bus.flush()).toBe(false);
    const verb = what === "publish" ? "Publish" : "Subscription";
    await until(() => log.join("").includes(`Permissions Violation for ${verb} to `));
    await nats.kill();
    await nats.start(users('publish: "secure.>", subscribe: "secure.>"'));
    await until(() => bus.trouble() === undefined);
    const far = await open({ servers: [nats.url], user: "node", password: "p4ss" });
    const instance = newInstance();
    const ear = collector();
    await subscribed(far, instance, ear.handler);
    bus.publish(eventOf(instance, 2));
    expect(await bus.flush()).toBe(true);
    expect(numbers(await ear.have(1))).toEqual([2]);
  });
});
