/** The programs of docs/CONSUMING.md come back, notice silence, skip what they have seen, and end when the catalogue says so. */

import { describe, expect, it, onTestFinished } from "vitest";
import { type ConsumerProgram, consumerPrograms, type RunningConsumer } from "../../support/consumer-programs.js";
import { localised, Part } from "../../support/consuming-page.js";
import { startDatabaseProxy } from "../../support/database-proxy.js";
import { closingFrame, eventFrame, helloFrame, startForeignGateway } from "../../support/foreign-gateway.js";
import { watchProgram } from "../../support/program.js";
import { startPublicServer } from "../../support/public-server.js";
import { lacks } from "../../support/requirements.js";
import { scrape } from "../../support/scrape.js";
import { until } from "../../support/until.js";

const part = new Part("programs");
const { ours, foreign, grpc } = consumerPrograms(part);
const overGrpc = part.take("Over gRPC", "bash");
const token = "ti_token-of-desk-1";

/** What the program has said of events that may be missing. */
function missing({ words }: RunningConsumer): readonly string[] {
  return words.filter((line) => line.includes("may be missing"));
}

async function skipped(programs: readonly ConsumerProgram[]) {
  return Promise.all(programs.map(async (program) => ({ ...program, skip: await lacks(...program.needs) })));
}

for (const { name, start, skip } of await skipped([...ours, ...foreign, ...grpc]))
  it.skipIf(skip)(
    `${name}: comes back after a cut and after silence, misses no event, and ends with its instance`,
    { timeout: 120_000 },
    async () => {
      const server = await startPublicServer({ IDLE_TIMEOUT_SECONDS: "8", ALLOWED_ORIGINS: "*" });
      onTestFinished(() => server.close());
      await server.createInstance("desk-1", token, { enabled: true });
      const isRpc = grpc.some((program) => program.name === name);
      const network = await startDatabaseProxy(isRpc ? server.server.grpcUrl : server.url);
      onTestFinished(() => network.close());
      const url = network.url.replace(/\/$/, "");
      let n = 0;
      const publish = () =>
        server.call("POST", "/api/events/publish/desk-1", { event: "call.update", data: { n: ++n } });

      const consumer = await start({ url, grpcUrl: url }, token, server.url);
      const arrived = () => until(() => consumer.events.length === n);
      await until(async () => (await scrape(server.server.grpcUrl, "eventwire_sockets"))[0] === 1);
      await publish();
      await arrived();

      await network.cut();
      await publish();
      await network.heal();
      await arrived();

      network.silence();
      await publish();
      await network.heal();
      await arrived();

      await server.call("DELETE", "/api/instance/delete/desk-1");
      await until(() => consumer.words.some((line) => line.includes("instance deleted")));
      expect(consumer.events).toEqual([1, 2, 3].map((number) => `call.update {"n":${number}}`));
      expect(missing(consumer)).toEqual([]);
    },
  );

describe.each(await skipped(foreign))("$name", ({ start, skip }) => {
  it.skipIf(skip)(
    "skips what it has seen, ignores what it does not know, and comes back when it is told",
    { timeout: 60_000 },
    async () => {
      const gateway = await startForeignGateway();
      const consumer = await start({ url: gateway.url, grpcUrl: gateway.url }, token);
      const first = await gateway.link();
      first.send(helloFrame(), eventFrame(1), eventFrame(1), { control: "of_a_later_release" }, eventFrame(2));
      first.send(closingFrame(4008, "slow consumer"));
      first.socket.close(4008, "slow consumer");
      // The close of a code that nobody knows.
      const second = await gateway.link();
      second.send(helloFrame(), eventFrame(2), eventFrame(3));
      second.socket.close(4999, "of a later release");
      const third = await gateway.link();
      third.send(helloFrame(), eventFrame(4));
      third.socket.close(4010, "disconnected by an operator");
      await until(() => consumer.words.some((line) => line.includes("has ended: 4010")));
      expect(consumer.events).toEqual([1, 2, 3, 4].map((n) => `message.exchange {"n":${n}}`));
      expect(gateway.links).toBe(3);
      // The foreign gateway keeps no history.
      expect(missing(consumer)).toHaveLength(2);
    },
  );

  it.skipIf(skip)("reads why it is refused, and does not come back", { timeout: 60_000 }, async () => {
    const server = await startPublicServer({ ALLOWED_ORIGINS: "*" });
    onTestFinished(() => server.close());
    await server.createInstance("desk-1", token, { enabled: true });
    const consumer = await start({ url: server.url, grpcUrl: server.server.grpcUrl }, "ti_of-nobody");
    await until(() => consumer.words.some((line) => line.includes("has ended")));
    expect(consumer.words).toEqual([expect.stringMatching(/401|4401/)]);
    expect(consumer.words[0]).toContain("Invalid token");
  });
});

it("buf curl prints each frame as JSON", { timeout: 60_000 }, async () => {
  const server = await startPublicServer();
  onTestFinished(() => server.close());
  await server.createInstance("desk-1", token, { enabled: true });
  const {
    url,
    server: { grpcUrl },
  } = server;
  const program = watchProgram("bash", ["-c", localised(overGrpc, { url, grpcUrl })], { EVENTWIRE_TOKEN: token });
  await program.printed('"heartbeatSeconds": 24');
  for (const event of ["call.update", "label.update"])
    await server.call("POST", "/api/events/publish/desk-1", { event, data: {} });
  await program.printed(`"dataJson": "${Buffer.from("{}").toString("base64")}"`);
  expect(program.stdout).not.toContain("call.update");
  await server.call("DELETE", "/api/instance/delete/desk-1");
  expect(await program.ended).not.toBe(0);
  expect(program.stderr).toContain("instance deleted");
});

it("no block is left out", () => {
  expect(part.left).toEqual([]);
});
