/** Every row of the close catalogue, provoked and observed over gRPC. */

import { Code, type ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeCatalogue } from "../../gen/closes.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import type { Consumer } from "../../src/delivery/consumer.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";
import { type Subscriber, subscribe } from "../support/subscriber.js";

let node: ServiceNode;
let added: Consumer;
beforeAll(async () => {
  node = await startServiceNode({ limits: { global: 50 } });
  const { add } = node.hub;
  node.hub.add = (...args) => {
    added = add(...args);
    return added;
  };
});
afterAll(() => node.close());

let made = 0;
const token = () => `ti_instance-${made}`;

/** A stream on an instance of its own. */
async function open(limited = false): Promise<Subscriber & { readonly instanceId: string }> {
  const name = `desk-${++made}`;
  const accountId = node.directory.principal(node.token)?.accountId ?? "";
  const websocket = { enabled: true, events: [], mediaBase64: false };
  const { id } = await node.store.createInstance({ accountId, name, token: token(), websocket });
  const stream = subscribe(createGrpcTransport({ baseUrl: node.url }), limited ? node.token : token(), {
    instance: name,
  });
  return { ...stream, instanceId: id };
}

function told(error: ConnectError | undefined) {
  const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
  return {
    code: error?.code,
    message: error?.rawMessage,
    reason: info?.reason,
    header: error?.metadata.get("eventwire-error"),
    retries: error?.findDetails(RetryInfoSchema).length,
  };
}

describe.each(Object.entries(closeCatalogue))("%s", (name, { code, reason, reconnect, status }) => {
  it("ends an open stream with the frame `closing` and the status of the catalogue", async () => {
    const stream = await open();
    expect((await stream.next()).case).toBe("hello");
    node.hub.end(added, { code, reason });
    expect(await stream.next()).toMatchObject({ case: "closing", value: { code, reason, reconnect } });
    expect(told(await stream.ended)).toEqual({
      code: codeOf(status),
      message: reason,
      reason: name,
      header: name,
      retries: reconnect ? 1 : 0,
    });
  });
});

function codeOf(status: string): Code {
  const spelt = status.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
  return Code[spelt as keyof typeof Code];
}
