/** The generated OpenAPI document says what the gateway does. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { answers, catalogue } from "../gen/errors.js";

interface Operation {
  readonly operationId: string;
  readonly security: Record<string, string[]>[];
  readonly requestBody?: { content: { "application/json": { schema: { $ref: string } } } };
  readonly responses: Record<
    string,
    {
      headers?: object;
      content?: {
        "application/json": {
          schema: { $ref: string };
          examples?: Record<string, { summary: string; value: unknown }>;
        };
      };
    }
  >;
}

const document = JSON.parse(readFileSync("gen/openapi.json", "utf8"));
const operations = new Map<string, Operation>(
  Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => [`${verb.toUpperCase()} ${path}`, operation] as const),
  ),
);

describe("gen/openapi.json", () => {
  it("has the routes of the public port", () => {
    expect([...operations.keys()].sort()).toEqual([
      "DELETE /api/instance/delete/{instance}",
      "GET /api/events/getWebhook/{instance}",
      "GET /api/events/getWebsocket/{instance}",
      "GET /api/events/webhook/{instance}",
      "GET /api/events/webhook/{instance}/deliveries",
      "GET /api/events/webhook/{instance}/delivery",
      "GET /api/instance/list",
      "GET /health",
      "GET /ws/{instance}",
      "POST /api/events/publish/{instance}",
      "POST /api/events/ticket",
      "POST /api/events/ticket/{instance}",
      "POST /api/events/webhook/{instance}",
      "POST /api/events/webhook/{instance}/replay",
      "POST /api/events/webhook/{instance}/retry",
      "POST /api/events/webhook/{instance}/rotateSecret",
      "POST /api/events/webhook/{instance}/skip",
      "POST /api/events/webhook/{instance}/test",
      "POST /api/events/websocket/{instance}",
      "POST /api/instance/new",
    ]);
  });

  it.each([...operations])("%s answers errors of the catalogue, under their status", (_, { responses }) => {
    for (const [status, { content }] of Object.entries(responses)) {
      for (const [message, { value }] of Object.entries(content?.["application/json"].examples ?? {})) {
        expect(value).toEqual({ success: false, error: { message } });
        const known = Object.values(catalogue).filter((problem) => problem.message === message);
        expect(
          known.map((problem) => String(problem.status)),
          message,
        ).toContain(status);
      }
    }
  });

  it.each([
    ["POST /api/instance/new", ["201", "400", "401", "403", "409", "429", "500", "503"]],
    ["POST /api/events/websocket/{instance}", ["200", "400", "401", "403", "404", "429", "500", "503"]],
    ["POST /api/events/publish/{instance}", ["200", "400", "401", "404", "409", "413", "429", "500", "503"]],
    ["GET /health", ["200", "503"]],
  ])("%s answers %j", (route, statuses) => {
    expect(Object.keys(operations.get(route)?.responses ?? {})).toEqual(statuses);
  });

  it.each([...operations].filter(([route]) => route !== "GET /health"))(
    "%s has every error that its policy lists and its checks answer",
    (_, { operationId, responses }) => {
      const route = operationId === "OpenWebsocket" ? "GET /ws/{instance}" : `/${operationId.replace(/_\d$/, "")}`;
      const [, listed = []] = Object.entries<readonly string[]>(answers).find(([name]) => name.endsWith(route)) ?? [];
      const documented = Object.values(responses).flatMap(({ content }) =>
        Object.values(content?.["application/json"].examples ?? {}).map(({ summary }) => summary),
      );
      expect(documented.filter((reason) => !listed.includes(reason))).toEqual([]);
      const missing = listed.filter((reason) => !documented.includes(reason));
      // Where no message comes over REST.
      const ofMessages = ["INVALID_REQUEST_BODY", "UNSUPPORTED_COMPRESSION", "OVERLOADED"];
      expect(missing.filter((reason) => !ofMessages.includes(reason))).toEqual([]);
    },
  );

  it("names the schema of every body", () => {
    const schemas = Object.keys(document.components.schemas).map((name) => ({ $ref: `#/components/schemas/${name}` }));
    for (const [route, { requestBody, responses }] of operations) {
      const contents = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
      for (const content of contents.filter((one) => one !== undefined))
        expect(schemas, route).toContainEqual(content["application/json"].schema);
    }
  });

  it("asks for a token and announces the rate limit everywhere but at /health", () => {
    for (const [route, { security, responses }] of operations) {
      const open = route === "GET /health";
      expect(security.length > 0, route).toBe(!open);
      for (const [status, { headers }] of Object.entries(responses)) {
        expect(headers !== undefined, `${route} ${status}`).toBe(!open);
      }
    }
  });

  it("shows the data of an event as the object that REST takes", () => {
    const body = document.components.schemas.PublishEventBody;
    expect(body.required).toEqual(["event", "data"]);
    expect(body.properties).toMatchObject({ data: { type: "object", additionalProperties: true } });
    expect(body.properties).not.toHaveProperty("dataJson");
  });
});
