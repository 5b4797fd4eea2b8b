/** A node does not start with a method in its contract that nothing would answer. */

import { clone, createFileRegistry, type DescMethod } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type MethodDescriptorProto } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { EventService, file_eventwire_v1_event_service } from "../../gen/eventwire/v1/event_service_pb.js";
import { SubscriptionService } from "../../gen/eventwire/v1/subscription_service_pb.js";
import { requireImplemented } from "../../src/rpc/methods/implemented.js";
import { compileRoutes } from "../../src/transport/uws/rest/http-rule.js";

const { publishEvent, publishEvents } = EventService.method;

/** PublishEvent of a contract in which it is called otherwise. */
function publishEventAs(change: (method: MethodDescriptorProto) => void): DescMethod {
  const file = clone(FileDescriptorProtoSchema, file_eventwire_v1_event_service.proto);
  const [method] = file.service[0]?.method ?? [];
  if (method === undefined) throw new Error("the file has no method");
  change(method);
  const known = new Map(file_eventwire_v1_event_service.dependencies.map((other) => [other.proto.name, other]));
  const registry = createFileRegistry(file, (name) => known.get(name));
  return registry.getService(EventService.typeName)?.methods[0] as DescMethod;
}

const kinds: [string, (method: MethodDescriptorProto) => void][] = [
  ["unary", () => {}],
  ["server-streaming", (method) => Object.assign(method, { serverStreaming: true })],
  ["client-streaming", (method) => Object.assign(method, { clientStreaming: true })],
  ["bidi-streaming", (method) => Object.assign(method, { clientStreaming: true, serverStreaming: true })],
];

describe.each(kinds)("a %s method", (kind, change) => {
  it("stops the start when nothing implements it", () => {
    const method = publishEventAs(change);
    const sentence = `eventwire.v1.EventService/PublishEvent, a ${kind} method of the contract, has no implementation.`;
    expect(() =>
      requireImplemented([method], { unary: new Set(), serverStreams: new Set(), streams: new Set() }),
    ).toThrow(sentence);
  });
});

it.each(kinds.slice(1))("a REST rule on a %s method stops the start", (_, change) => {
  expect(() => compileRoutes([publishEventAs(change)])).toThrow(
    "The google.api.http option of eventwire.v1.EventService.PublishEvent asks for a stream.",
  );
});

it("a method that is implemented for calls of another kind stops the start", () => {
  const { subscribe } = SubscriptionService.method;
  const wrong = {
    unary: new Set<DescMethod>([publishEvents, subscribe]),
    serverStreams: new Set<DescMethod>([publishEvent, publishEvents]),
    streams: new Set<DescMethod>([publishEvent, subscribe]),
  };
  for (const method of [publishEvent, publishEvents, subscribe])
    expect(() => requireImplemented([method], wrong)).toThrow("has no implementation");
});
