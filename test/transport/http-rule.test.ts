/** What is transcoded of `google.api.http`, and that anything else stops the start. */

import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMethod,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { file_eventwire_v1_policy } from "../../gen/eventwire/v1/policy_pb.js";
import { file_google_api_annotations, http } from "../../gen/google/api/annotations_pb.js";
import { HttpRuleSchema } from "../../gen/google/api/http_pb.js";
import { services } from "../../src/rpc/services.js";
import { compileRoutes } from "../../src/transport/uws/rest/http-rule.js";

type Rule = MessageInitShape<typeof HttpRuleSchema>;
type Field = Pick<FieldDescriptorProto, "name" | "type"> & { label?: Label };

/** A method with this rule, whose request has these fields. */
function method(rule: Rule, fields: Field[] = [], streaming = false): DescMethod {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    dependency: [file_google_api_annotations.proto.name, file_eventwire_v1_policy.proto.name],
    messageType: [
      {
        name: "Request",
        field: fields.map((field, i) => ({ number: i + 1, label: Label.OPTIONAL, jsonName: field.name, ...field })),
      },
    ],
    service: [
      {
        name: "Service",
        method: [
          {
            name: "Call",
            inputType: ".test.Request",
            outputType: ".test.Request",
            options,
            serverStreaming: streaming,
          },
        ],
      },
    ],
  });
  const closure = ({ dependencies, proto }: DescFile): FileDescriptorProto[] => [
    ...dependencies.flatMap(closure),
    proto,
  ];
  const dependencies = [file_google_api_annotations, file_eventwire_v1_policy].flatMap(closure);
  const unique = [...new Map([...dependencies, file].map((proto) => [proto.name, proto])).values()];
  const found = createFileRegistry(create(FileDescriptorSetSchema, { file: unique })).getService("test.Service");
  return found?.methods[0] as DescMethod;
}

const instance: Field = { name: "instance", type: Type.STRING };
const flag: Field = { name: "flag", type: Type.BOOL };
const queryRule = "a query parameter that is neither a string, nor an integer of 32 bits, nor a list of strings";

describe("the contract", () => {
  it("has the routes that it promises", () => {
    const routes = compileRoutes(services.flatMap(({ methods }) => methods));
    expect(routes.map(({ verb, pattern }) => `${verb} ${pattern}`).sort()).toEqual([
      "DELETE /api/instance/delete/:instance",
      "GET /api/events/getWebhook/:instance",
      "GET /api/events/getWebsocket/:instance",
      "GET /api/events/webhook/:instance",
      "GET /api/events/webhook/:instance/deliveries",
      "GET /api/events/webhook/:instance/delivery",
      "GET /api/instance/list",
      "GET /health",
      "POST /api/events/publish/:instance",
      "POST /api/events/ticket",
      "POST /api/events/ticket/:instance",
      "POST /api/events/webhook/:instance",
      "POST /api/events/webhook/:instance/replay",
      "POST /api/events/webhook/:instance/retry",
      "POST /api/events/webhook/:instance/rotateSecret",
      "POST /api/events/webhook/:instance/skip",
      "POST /api/events/webhook/:instance/test",
      "POST /api/events/websocket/:instance",
      "POST /api/instance/new",
    ]);
  });
});

describe("a rule", () => {
  it("may have further bindings", () => {
    const further: Rule = { pattern: { case: "put", value: "/b/{instance}" }, body: "*" };
    const rule: Rule = { pattern: { case: "get", value: "/a.b/c-d" }, additionalBindings: [further] };
    expect(compileRoutes([method(rule, [instance])])).toMatchObject([
      { verb: "GET", pattern: "/a.b/c-d", hasBody: false, variable: undefined },
      { verb: "PUT", pattern: "/b/:instance", hasBody: true, variable: { name: "instance" } },
    ]);
  });

  const refused: [what: string, rule: Rule, fields: Field[]][] = [
    ["a verb of its own", { pattern: { case: "custom", value: { kind: "HEAD", path: "/a" } } }, []],
    ["a verb of its own", {}, []],
    ["a body that is one field", { pattern: { case: "post", value: "/a" }, body: "flag" }, [flag]],
    ["response_body", { pattern: { case: "get", value: "/a" }, responseBody: "flag" }, [flag]],
    ["the path /a/{instance=**}", { pattern: { case: "get", value: "/a/{instance=**}" } }, [instance]],
    ["the path /a/*", { pattern: { case: "get", value: "/a/*" } }, []],
    ["the path /a:verb", { pattern: { case: "post", value: "/a:verb" } }, []],
    ["the path /a/{in.stance}", { pattern: { case: "get", value: "/a/{in.stance}" } }, [instance]],
    ["a path variable other than {instance}", { pattern: { case: "get", value: "/a/{flag}" } }, [flag]],
    [
      "a path variable other than {instance}",
      { pattern: { case: "get", value: "/a/{instance}/{instance}" } },
      [instance],
    ],
    [
      "a path variable that is no string field",
      { pattern: { case: "get", value: "/a/{instance}" } },
      [{ name: "instance", type: Type.INT32 }],
    ],
    ["a path variable that is no string field", { pattern: { case: "get", value: "/a/{instance}" } }, []],
    [queryRule, { pattern: { case: "get", value: "/a" } }, [flag]],
    [
      queryRule,
      { pattern: { case: "get", value: "/a" } },
      [{ name: "numbers", type: Type.UINT32, label: Label.REPEATED }],
    ],
  ];

  it.each(refused)("is refused at the start when it asks for %s", (what, rule, fields) => {
    expect(() => compileRoutes([method(rule, fields)])).toThrow(
      `The google.api.http option of test.Service.Call asks for ${what}.`,
    );
  });

  it("is refused at the start on a stream", () => {
    const rule: Rule = { pattern: { case: "get", value: "/a" } };
    expect(() => compileRoutes([method(rule, [], true)])).toThrow("asks for a stream.");
  });
});
