/** No call, however dear its message is to read, keeps the event loop for more than ten milliseconds. */

import { randomUUID } from "node:crypto";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTurnServer, type TurnServer } from "../support/turns.js";
import { delimited, eventMessage, framed, KiB, MiB, worstData, worstStructs } from "../support/worst-calls.js";

/** Of processor time, which two processes on one core make longer: alone no call here takes 10. */
const turnMsMax = 20;
const runs = 8;

const publish = "/eventwire.v1.EventService/PublishEvent";
const json = "application/json";
const proto = "application/proto";

let server: TurnServer;
beforeAll(async () => {
  server = await startTurnServer("desk");
});
afterAll(() => server?.close());

/** What it costs itself: now and then garbage is collected in the same turn, and the first run is not compiled yet. */
async function expectShort(call: () => Promise<unknown>): Promise<void> {
  const turns: number[] = [];
  while (turns.length < runs && !turns.some((ms) => ms < turnMsMax)) turns.push(await server.longestTurn(call));
  expect(Math.min(...turns)).toBeLessThan(turnMsMax);
}

function brotli(bytes: Uint8Array): Buffer {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
}

const rpcJson = (data: string, type: string): string => `{"instance":"desk","event":"${type}","data":${data}}`;

describe.each(Object.keys(worstData))("an event with %s", (name) => {
  const type = name.includes("media") ? "message.exchange" : "instance.state";
  const data = (worstData[name] as () => string)();
  const binary = eventMessage("desk", type, delimited(4, Buffer.from(data)));
  const batch = framed(delimited(2, binary));
  const refused = name.includes("again and again") && type === "message.exchange";
  const ok = refused ? 400 : 200;

  it("over REST", () =>
    expectShort(async () =>
      expect(await server.post("/api/events/publish/desk", json, `{"event":"${type}","data":${data}}`)).toMatchObject({
        status: ok,
      }),
    ));

  it("over Connect in JSON", () =>
    expectShort(async () =>
      expect(await server.post(publish, json, rpcJson(data, type))).toMatchObject({ status: ok }),
    ));

  it("over Connect in binary form, compressed", () => {
    const body = brotli(binary);
    return expectShort(async () =>
      expect(await server.post(publish, proto, body, { "content-encoding": "br" })).toMatchObject({ status: ok }),
    );
  });

  it("over gRPC-Web", () =>
    expectShort(async () =>
      expect(await server.post(publish, "application/grpc-web", framed(binary))).toMatchObject({ status: 200 }),
    ));

  it("over gRPC, compressed", () => {
    const body = gzipSync(binary, { level: 1 });
    return expectShort(async () =>
      expect(await server.grpc(publish, body, { encoding: "gzip" })).toBe(refused ? "3" : "0"),
    );
  });

  it("over a stream of batches", () => expectShort(async () => expect(await server.stream(batch)).toBe("0")));

  it("over a stream of batches in JSON", () => {
    const body = framed(Buffer.from(`{"sequence":"1","events":[${rpcJson(data, type)}]}`));
    return expectShort(async () => expect(await server.stream(body, { json: true })).toBe("0"));
  });
});

describe.each(Object.entries(worstStructs))("an event with %s", (_, { bytes, taken }) => {
  const message = eventMessage("desk", "instance.state", delimited(3, bytes()));

  it("over Connect in binary form", () =>
    expectShort(async () =>
      expect(await server.post(publish, proto, message)).toMatchObject({ status: taken ? 200 : 400 }),
    ));

  it("over gRPC", () => expectShort(async () => expect(await server.grpc(publish, message)).toBe(taken ? "0" : "3")));

  it("in each event of a batch", () => {
    const events = Math.min(1024, Math.floor((20 * MiB) / message.length));
    const batch = framed(Buffer.concat(Array.from({ length: events }, () => delimited(2, message))));
    return expectShort(async () => expect(await server.stream(batch)).toBe("0"));
  });
});

describe("a batch", () => {
  const empty = delimited(2, Buffer.alloc(0));
  const small = delimited(2, eventMessage("desk", "label.update", delimited(4, Buffer.from("{}"))));
  const unknown = delimited(2, eventMessage("nobody's", "label.update", delimited(4, Buffer.from("{}"))));
  const repeated = (count: number, bytes: Uint8Array): Buffer => Buffer.concat(Array<Uint8Array>(count).fill(bytes));
  const json = (text: string): Buffer => framed(Buffer.from(text));

  it.each([
    ["of 1,024 empty events", framed(repeated(1024, empty)), "0"],
    ["of 1,024 events that are refused", framed(repeated(1024, unknown)), "0"],
    ["of a million empty events", framed(repeated(1_000_000, empty)), "3"],
    ["of 1,024 events, again and again", repeated(64, framed(repeated(1024, small))), "0"],
    ["of one event, again and again", repeated(30_000, framed(small)), "0"],
    ["of nothing, again and again", repeated(100_000, framed(Buffer.alloc(0))), "0"],
    ["of fields that nobody knows", framed(repeated(2_000_000, Buffer.from([0x78, 1]))), "3"],
    [
      "of an event with a million names",
      framed(delimited(2, repeated(1_000_000, delimited(1, Buffer.from("a"))))),
      "3",
    ],
    ["of an event with a name of 8 MB", framed(delimited(2, eventMessage("x".repeat(8 * MiB), "label.update"))), "0"],
  ])("%s", async (_, bytes, status) => {
    await expectShort(async () => expect(await server.stream(bytes)).toBe(status));
  });

  it.each([
    ["of 1,024 empty events", json(`{"events":[${Array(1024).fill("{}").join(",")}]}`), "0"],
    ["of a million empty events", json(`{"events":[${Array(1_000_000).fill("{}").join(",")}]}`), "3"],
    ["of members that nobody knows", json(`{${Array(500_000).fill('"x":[]').join(",")}}`), "0"],
    ["with a number of 4 MB", json(`{"sequence":${"1".repeat(4 * MiB)}}`), "3"],
  ])("in JSON, %s", async (_, bytes, status) => {
    await expectShort(async () => expect(await server.stream(bytes, { json: true })).toBe(status));
  });

  it("that is a megabyte of zeros for each kilobyte that was sent", async () => {
    const bomb = framed(gzipSync(Buffer.alloc(20 * MiB)), 1);
    await expectShort(async () => expect(await server.stream(bomb, { encoding: "gzip" })).toBe("3"));
  });
});

describe("an event in JSON with", () => {
  const exchange = '"event":"message.exchange"';
  const base64 = "QUJD".repeat(1.5 * MiB);

  it.each([
    ["media in base64", `{${exchange},"data":{"media":{}},"media":"${base64}"}`, 200],
    ["media in base64 with escapes", `{${exchange},"data":{"media":{}},"media":"${"QUJ\\/".repeat(MiB)}"}`, 200],
    ["media that is no base64", `{${exchange},"data":{"media":{}},"media":"${base64}!"}`, 400],
    ["a type of 4 MB", `{"event":"${"x".repeat(4 * MiB)}","data":{}}`, 400],
    ["a type of 4 MB of escapes", `{"event":"${"\\n".repeat(2 * MiB)}","data":{}}`, 400],
    [
      "300,000 members that nobody knows",
      `{${Array(300_000).fill('"x":1').join(",")},"event":"label.update","data":{}}`,
      200,
    ],
  ])("%s", async (_, body, status) => {
    await expectShort(async () =>
      expect(await server.post("/api/events/publish/desk", json, body)).toMatchObject({ status }),
    );
    const rpc = body.replace("{", '{"instance":"desk",');
    await expectShort(async () => expect(await server.post(publish, json, rpc)).toMatchObject({ status }));
  });

  it("dataJson in base64", async () => {
    const text = Buffer.from(`{"a":"${"x".repeat(4 * MiB)}"}`).toString("base64");
    const body = `{"instance":"desk","event":"label.update","dataJson":"${text}"}`;
    await expectShort(async () => expect(await server.post(publish, json, body)).toMatchObject({ status: 200 }));
  });
});

describe("a call that carries no event", () => {
  const limit = 64 * KiB - 256;
  const fill = (start: string, item: string, end: string): string =>
    `${start}${Array(Math.floor(limit / (item.length + 1)))
      .fill(item)
      .join(",")}${end}`;
  const bodies: readonly (readonly [string, string, number])[] = [
    ["of tiny strings", fill('{"instance":"desk","name":"n","enabled":true,"events":[', '""', "]}"), 400],
    ["of names", fill('{"instance":"desk","enabled":true,"events":[', '"call.update"', "]}"), 400],
    ["of unknown members", fill('{"instance":"desk","enabled":true,', '"x":{}', "}"), 200],
    ["of deep nesting", `{"instance":"desk","enabled":true,"x":${"[".repeat(limit / 2)}${"]".repeat(limit / 2)}}`, 200],
    ["of a long name", `{"instance":"${"x".repeat(limit)}","enabled":true}`, 404],
    ["of 16 MB", `{"instance":"desk","enabled":true,"x":"${"x".repeat(16 * MiB)}"}`, 400],
  ];

  it.each(bodies)("%s, over Connect and REST", async (name, body, status) => {
    const set = "/eventwire.v1.WebsocketService/SetWebsocket";
    await expectShort(async () => expect(await server.post(set, json, body)).toMatchObject({ status }));
    const rest = name === "of a long name" ? 200 : status;
    await expectShort(async () =>
      expect(await server.post("/api/events/websocket/desk", json, body)).toMatchObject({ status: rest }),
    );
  });

  it.each([
    ["of empty names", Buffer.concat(Array<Uint8Array>(30_000).fill(delimited(3, Buffer.alloc(0))))],
    ["of unknown fields", Buffer.concat(Array<Uint8Array>(30_000).fill(Buffer.from([0x78, 1])))],
  ])("%s, in binary form", async (_, fields) => {
    const message = Buffer.concat([delimited(1, Buffer.from("desk")), fields]);
    const set = "/eventwire.v1.WebsocketService/SetWebsocket";
    await expectShort(async () => expect(await server.post(set, proto, message)).toMatchObject({ status: 400 }));
    await expectShort(async () => expect(await server.grpc(set, message)).toBe("3"));
  });

  it.each([
    ["of a list", fill('"websocketEvents":[', '""', "]")],
    ["of an object", `"websocketEvents":{${Array.from({ length: 5_000 }, (_, n) => `"k${n}":1`).join(",")}}`],
    ["of deep nesting", `"websocketEvents":${"[".repeat(limit / 2)}${"]".repeat(limit / 2)}`],
  ])("%s, as the inline channel of an instance", async (_, block) => {
    await expectShort(async () =>
      expect(await server.post("/api/instance/new", json, `{"name":"${randomUUID()}",${block}}`)).toMatchObject({
        status: 201,
      }),
    );
  });

  it("of zeros, a megabyte for each kilobyte that was sent", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MiB));
    for (const path of [publish, "/eventwire.v1.WebsocketService/SetWebsocket"])
      await expectShort(async () =>
        expect((await server.post(path, proto, bomb, { "content-encoding": "gzip" })).status).toBeGreaterThan(399),
      );
  });
});
