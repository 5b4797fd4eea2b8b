/** Bodies of REST calls: what is refused leaves nothing behind, what is taken is taken whole. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { jsonRequest, openRaw, requestHead, sendRaw } from "../support/raw-http.js";

const KiB = 1024;
const publishMaxBytes = 64 * KiB;
const invalid = '{"success":false,"error":{"message":"Invalid request body"}}';
const tooLarge = '{"success":false,"error":{"message":"Event too large"}}';
const before = '{"enabled":true,"events":["group.flow"],"mediaBase64":true}';

let server: PublicServer;
let token: string;

beforeAll(async () => {
  server = await startPublicServer({ PUBLISH_MAX_BYTES: String(publishMaxBytes) });
  token = `token: ${server.accountToken}`;
  await server.createInstance("desk-1", "ti_desk-one");
});

afterAll(() => server.close());

beforeEach(async () => {
  await server.call("POST", "/api/events/websocket/desk-1", JSON.parse(before));
});

async function persisted(): Promise<string> {
  const { text } = await server.call("GET", "/api/events/getWebsocket/desk-1");
  return /"websocket":(.*)\}$/.exec(text)?.[1] ?? text;
}

function padded(json: string, bytes: number): string {
  return json + " ".repeat(bytes - Buffer.byteLength(json));
}

const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("a configuration that is refused", () => {
  const set = "POST /api/events/websocket/desk-1";
  const bodies: [name: string, body: string | Uint8Array][] = [
    ["broken JSON", '{"enabled":true'],
    ["text behind the object", '{"enabled":true} x'],
    ["a trailing comma", '{"enabled":true,}'],
    ["single quotes", "{'enabled':true}"],
    ["nothing", ""],
    ["white space", " \r\n\t"],
    ["an array", '[{"enabled":true}]'],
    ["null", "null"],
    ["a string", '"enabled"'],
    ["a number", "1"],
    ["a byte order mark", '\ufeff{"enabled":true}'],
    ["a lone continuation byte", Buffer.from([...Buffer.from('{"enabled":true,"x":"'), 0x80, 0x22, 0x7d])],
    ["an overlong slash", Buffer.from([...Buffer.from('{"enabled":true,"x":"'), 0xc0, 0xaf, 0x22, 0x7d])],
    ["a surrogate in UTF-8", Buffer.from([...Buffer.from('{"enabled":true,"x":"'), 0xed, 0xa0, 0x80, 0x22, 0x7d])],
    ["UTF-16", Buffer.from('{"enabled":true}', "utf16le")],
    ["a control character in a string", '{"enabled":true,"x":"\u0001"}'],
    ["enabled missing", '{"events":[]}'],
    ["enabled null", '{"enabled":null}'],
    ["enabled a string", '{"enabled":"true"}'],
    ["enabled a number", '{"enabled":1}'],
    ["enabled in another case", '{"Enabled":true}'],
    ["an unknown event", '{"enabled":true,"events":["message.deleted"]}'],
    ["an event in another case", '{"enabled":true,"events":["Message.Exchange"]}'],
    ["an event with a space", '{"enabled":true,"events":[" message.exchange"]}'],
    ["an empty event", '{"enabled":true,"events":[""]}'],
    ["an event that is null", '{"enabled":true,"events":[null]}'],
    ["an event that is a number", '{"enabled":true,"events":[1]}'],
    ["events a string", '{"enabled":true,"events":"call.update"}'],
    ["events an object", '{"enabled":true,"events":{}}'],
    ["65 events", `{"enabled":true,"events":${JSON.stringify(Array(65).fill("call.update"))}}`],
    ["mediaBase64 a string", '{"enabled":true,"mediaBase64":"true"}'],
    ["mediaBase64 a number", '{"enabled":true,"mediaBase64":0}'],
    ["a wrong type though disabled", '{"enabled":false,"mediaBase64":"x"}'],
    ["an unknown event though disabled", '{"enabled":false,"events":["x"]}'],
    ["a body of more than 64 KiB", padded('{"enabled":true}', 64 * KiB + 1)],
    ["a body of a megabyte", padded('{"enabled":true}', 1024 * KiB)],
    ["a megabyte of open brackets", "[".repeat(1000 * KiB)],
  ];

  it.each(bodies)("%s", async (_, body) => {
    expect(await sendRaw(server.port, jsonRequest(set, body, token))).toMatchObject({ status: 400, body: invalid });
    expect(await persisted()).toBe(before);
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "text/json",
    "application/json+x",
    "*/*",
    "",
  ])("the content type '%s'", async (type) => {
    const request = jsonRequest(set, '{"enabled":true}', token, `Content-Type: ${type}`);
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 400, body: invalid });
    expect(await persisted()).toBe(before);
  });

  it("no content type", async () => {
    const request = requestHead(set, token, "Content-Length: 16");
    expect(await sendRaw(server.port, request, '{"enabled":true}')).toMatchObject({ status: 400, body: invalid });
  });

  it("no body at all", async () => {
    const request = requestHead(set, token, "Content-Type: application/json");
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 400, body: invalid });
  });

  it("is refused for its instance first", async () => {
    for (const body of ["{", padded("{}", 2 * 1024 * KiB)]) {
      const request = jsonRequest("POST /api/events/websocket/desk-9", body, token);
      expect(await sendRaw(server.port, request)).toMatchObject({ status: 404 });
    }
  });
});

describe("a configuration that is taken", () => {
  const set = "POST /api/events/websocket/desk-1";
  const taken = '{"enabled":true,"events":["call.update"],"mediaBase64":false}';

  it.each([
    ["plain", '{"enabled":true,"events":["call.update"]}'],
    ["with white space around", '\r\n\t {"enabled":true,"events":["call.update"]} \n'],
    ["escaped", '{"\\u0065nabled":true,"events":["call\\u002eupdate"]}'],
    ["with unknown members", '{"enabled":true,"events":["call.update"],"label":{"x":[1,{"y":null}]},"enable":"no"}'],
    [
      "with members that JavaScript knows",
      '{"__proto__":{"enabled":false},"constructor":1,"toString":[],"enabled":true,"events":["call.update"]}',
    ],
    ["with an unknown member as deep as it gets", `{"enabled":true,"events":["call.update"],"x":${deep(30_000)}}`],
    ["with a huge number", `{"enabled":true,"events":["call.update"],"x":1${"0".repeat(5000)}e999}`],
    ["with a member twice: the last counts", '{"enabled":false,"events":[],"enabled":true,"events":["call.update"]}'],
    ["of exactly 64 KiB", padded('{"enabled":true,"events":["call.update"]}', 64 * KiB)],
  ])("%s", async (_, body) => {
    expect(await sendRaw(server.port, jsonRequest(set, body, token))).toMatchObject({ status: 200 });
    expect(await persisted()).toBe(taken);
  });

  it.each([
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/json;charset=UTF-8;x=y",
    "application/json ;a=b",
  ])("with the content type '%s'", async (type) => {
    const request = jsonRequest(set, '{"enabled":true,"events":["call.update"]}', token, `Content-Type: ${type}`);
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 200 });
    expect(await persisted()).toBe(taken);
  });

  it("byte by byte", async () => {
    const request = jsonRequest(set, '{"enabled":true,"events":["call.update"]}', token);
    const connection = await openRaw(server.port);
    const body = request.indexOf("\r\n\r\n") + 4;
    await connection.send(request.subarray(0, body));
    for (const byte of request.subarray(body)) await connection.send(Buffer.from([byte]));
    expect(await connection.response()).toMatchObject({ status: 200 });
    connection.destroy();
    expect(await persisted()).toBe(taken);
  });

  it("in chunks", async () => {
    const head = requestHead(set, token, "Content-Type: application/json", "Transfer-Encoding: chunked");
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const parts = [head, chunk('{"enabled'), chunk('":true,"events":["call.update"') + chunk("]}"), "0\r\n\r\n"];
    expect(await sendRaw(server.port, ...parts)).toMatchObject({ status: 200 });
    expect(await persisted()).toBe(taken);
  });

  it("after 100 Continue", async () => {
    const connection = await openRaw(server.port);
    const type = "Content-Type: application/json";
    await connection.send(requestHead(set, token, type, "Content-Length: 41", "Expect: 100-continue"));
    expect(await connection.response()).toMatchObject({ status: 100 });
    await connection.send('{"enabled":true,"events":["call.update"]}');
    expect(await connection.response()).toMatchObject({ status: 200 });
    connection.destroy();
  });
});

describe("an event", () => {
  const publish = "POST /api/events/publish/desk-1";

  it.each([
    ["without event", '{"data":{}}'],
    ["without data", '{"event":"call.update"}'],
    ["of an unknown type", '{"event":"call.updated","data":{}}'],
    ["whose type is a number", '{"event":1,"data":{}}'],
    ["whose type is null", '{"event":null,"data":{}}'],
    ["whose type is a list", '{"event":["call.update"],"data":{}}'],
    ["whose type is half a character", '{"event":"\\ud800","data":{}}'],
    ["whose data is null", '{"event":"call.update","data":null}'],
    ["whose data is a list", '{"event":"call.update","data":[]}'],
    ["whose data is a string", '{"event":"call.update","data":"{}"}'],
    ["whose data is broken", '{"event":"call.update","data":{"a":01}}'],
    ["whose data ends too early", '{"event":"call.update","data":{}'],
    ["whose data nests too deep", `{"event":"call.update","data":{"x":${deep(300)}}}`],
    ["with broken text behind its data", '{"event":"call.update","data":{},"x":}'],
    ["that is a list", '[{"event":"call.update","data":{}}]'],
    ["of nothing", ""],
    [
      "that is not UTF-8",
      Buffer.from([...Buffer.from('{"event":"call.update","data":{"x":"'), 0xff, 0x22, 0x7d, 0x7d]),
    ],
    ["with media that is no base64", '{"event":"message.exchange","data":{"message":{"media":{}}},"media":"*"}'],
    ["with media that has no place", '{"event":"call.update","data":{},"media":"AAAA"}'],
  ])("%s is refused", async (_, body) => {
    expect(await sendRaw(server.port, jsonRequest(publish, body, token))).toMatchObject({ status: 400, body: invalid });
  });

  it.each([
    ["plain", '"call.update"', 200],
    ["with escapes", '"c\\u0061ll\\u002eupdate"', 200],
    ["an escape too many", '"call.update\\n"', 400],
    ["as if its escapes were none", '"call\\\\u002eupdate"', 400],
    ["a lone surrogate", '"\\ud800"', 400],
    ["longer than a name", `"${"call.update".repeat(10)}"`, 400],
    ["empty", '""', 400],
    ["null", "null", 400],
    ["a number", "7", 400],
  ])("takes the type of its event as text: %s", async (_, type, status) => {
    const body = `{"event":${type},"data":{}}`;
    for (let i = 0; i < 2; i++)
      expect(await sendRaw(server.port, jsonRequest(publish, body, token))).toMatchObject({ status });
  });

  it("of another content type is refused", async () => {
    const request = jsonRequest(publish, '{"event":"call.update","data":{}}', token, "Content-Type: text/plain");
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 400, body: invalid });
  });

  it("as large as the limit is published, one byte more is 413", async () => {
    const event = '{"event":"call.update","data":{}}';
    const fits = jsonRequest(publish, padded(event, publishMaxBytes), token);
    expect(await sendRaw(server.port, fits)).toMatchObject({ status: 200 });
    const over = jsonRequest(publish, padded(event, publishMaxBytes + 1), token);
    expect(await sendRaw(server.port, over)).toMatchObject({ status: 413, body: tooLarge });
  });

  it("over the limit is refused for its token and its instance first", async () => {
    const body = padded("{}", publishMaxBytes + 1);
    expect(await sendRaw(server.port, jsonRequest(publish, body))).toMatchObject({ status: 401 });
    const elsewhere = jsonRequest("POST /api/events/publish/desk-9", body, token);
    expect(await sendRaw(server.port, elsewhere)).toMatchObject({ status: 404 });
  });
});

describe("a body over the limit", () => {
  const publish = "POST /api/events/publish/desk-1";
  const type = "Content-Type: application/json";

  it("is answered as soon as it is announced, and its connection goes on", async () => {
    const connection = await openRaw(server.port);
    await connection.send(requestHead(publish, token, type, "Content-Length: 1000000"));
    expect(await connection.response()).toMatchObject({ status: 413, body: tooLarge });
    await connection.send(Buffer.alloc(1_000_000, "x"));
    await connection.send(requestHead("GET /health"));
    expect(await connection.response()).toMatchObject({ status: 200 });
    connection.destroy();
  });

  it("is answered when its chunks have come that far, and its connection goes on", async () => {
    const connection = await openRaw(server.port);
    await connection.send(requestHead(publish, token, type, "Transfer-Encoding: chunked"));
    await connection.send(`20000\r\n${"x".repeat(0x20000)}\r\n`);
    expect(await connection.response()).toMatchObject({ status: 413, body: tooLarge });
    await connection.send(`20000\r\n${"x".repeat(0x20000)}\r\n0\r\n\r\n`);
    await connection.send(requestHead("GET /health"));
    expect(await connection.response()).toMatchObject({ status: 200 });
    connection.destroy();
  });
});
