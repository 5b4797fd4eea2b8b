/** Consumers by WebSocket and by gRPC that a test of the close catalogue opens in the same way, and asks how they were ended. */

import { Code, type ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "vitest";
import type { closeCatalogue } from "../../gen/closes.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { PublicServer } from "./public-server.js";
import { subscribe } from "./subscriber.js";
import { type Control, openV1 } from "./v1-consumer.js";

export type CloseName = keyof typeof closeCatalogue;
export type CloseRow = (typeof closeCatalogue)[CloseName];

export interface Asked {
  readonly instance?: string;
  readonly token?: string;
  readonly events?: string;
}

/** What a consumer was told of its end. */
export interface Told {
  /** The last frame, if there was one. */
  readonly last: Partial<Control> | undefined;
  /** How the connection itself ended: code and reason of a WebSocket, or the error of a call. */
  readonly close: readonly [number, string] | ConnectError | undefined;
}

export interface FacedConsumer {
  /** Resolves when the first frame is there. */
  readonly begun: Promise<unknown>;
  /** Sends a message to the gateway. Absent where a consumer cannot speak. */
  readonly send?: (message: string) => void;
  pause(): void;
  resume(): void;
  /** Reads to the end. */
  told(): Promise<Told>;
}

export interface CloseFace {
  readonly name: string;
  open(at: PublicServer, asked?: Asked): Promise<FacedConsumer>;
  /** The end of a connection that was open. */
  expectEnd(told: Told, name: CloseName, row: CloseRow): void;
  /** A refused call or handshake. */
  expectRefusal(told: Told, row: CloseRow): void;
}

const webSocket: CloseFace = {
  name: "WebSocket",

  async open(at, { instance = "desk", token = "token-of-desk", events } = {}) {
    const consumer = await openV1(at.url, `/ws/${instance}?token=${token}${events ? `&events=${events}` : ""}`);
    const begun = consumer.frame();
    begun.catch(() => {});
    return {
      begun,
      send: consumer.send,
      pause: () => consumer.socket.pause(),
      resume: () => consumer.socket.resume(),
      async told() {
        const first = await begun;
        const { last, close } = await consumer.end();
        return { last: last ?? first, close };
      },
    };
  },

  expectEnd({ last, close }, _, { code, reason, reconnect }) {
    expect(close).toEqual([code, reason]);
    expect(last).toMatchObject({ control: "closing", code, reason, reconnect });
    expect(last?.position).toMatch(/^[!-~]{1,64}$/);
    expectWait(last?.retryAfterMs, reconnect);
  },

  expectRefusal({ last, close }, { code, reason, reconnect, refusals }) {
    expect(close).toEqual([code, reason]);
    expect(last).toMatchObject({ control: "refused", reconnect });
    expect(refusals).toContain(last?.reason);
    expectWait(last?.retryAfterMs, reconnect);
  },
};

const gRPC: CloseFace = {
  name: "gRPC",

  async open(at, { instance = "desk", token = "token-of-desk", events } = {}) {
    const request = { instance, events: events ? [events] : [] };
    const stream = subscribe(createGrpcTransport({ baseUrl: at.server.grpcUrl }), token, request);
    const begun = stream.next();
    begun.catch(() => {});
    return {
      begun,
      pause: stream.pause,
      resume: stream.resume,
      async told() {
        const close = await stream.ended;
        const last = stream.frames.at(-1);
        return { last: last && ({ control: last.case, ...last.value } as Partial<Control>), close };
      },
    };
  },

  expectEnd({ last, close }, name, { code, reason, reconnect, status }) {
    expect(last).toMatchObject({ control: "closing", code, reason, reconnect });
    expectWait(last?.retryAfterMs, reconnect);
    const error = close as ConnectError;
    expect(told(error)).toEqual({ code: codeOf(status), message: reason, reason: name, header: name });
    expectComeBack(error, reconnect);
  },

  expectRefusal({ last, close }, { reconnect, refusals }) {
    expect(last).toBeUndefined();
    const error = close as ConnectError;
    const { reason, header } = told(error);
    expect(refusals).toContain(reason);
    expect(header).toMatch(new RegExp(`^${reason}\\b`));
    expectComeBack(error, reconnect);
  },
};

export const closeFaces: readonly CloseFace[] = [webSocket, gRPC];

function told(error: ConnectError) {
  const [info] = error.findDetails(ErrorInfoSchema);
  const header = error.metadata.get("eventwire-error");
  return { code: error.code, message: error.rawMessage, reason: info?.reason, header };
}

/** The rule of docs/CONSUMING.md for programs that read only the status. */
const comesBackAfter = [Code.Unavailable, Code.ResourceExhausted, Code.Internal];

function expectComeBack(error: ConnectError, reconnect: boolean): void {
  expect(comesBackAfter.includes(error.code)).toBe(reconnect);
  const [retry] = error.findDetails(RetryInfoSchema);
  if (!reconnect) expect(retry).toBeUndefined();
}

function codeOf(status: string): Code {
  const spelt = status.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Code[spelt as keyof typeof Code];
}

function expectWait(retryAfterMs: unknown, reconnect: boolean): void {
  if (!reconnect) expect(retryAfterMs).toBe(0);
  else expect(retryAfterMs).toBeGreaterThanOrEqual(0);
  expect(retryAfterMs).toBeLessThanOrEqual(65_000);
}
