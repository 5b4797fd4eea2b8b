/** The REST routes in the form of the other faces, written from the contract's table and not from the descriptors. */

import { create, type DescMethod, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { catalogue } from "../../gen/errors.js";
import type { Code, Reason } from "../../src/domain/errors.js";
import type { Face } from "./rpc-faces.js";

const routes: Record<string, (instance: string, query: string) => string> = {
  SetWebsocket: (instance) => `POST /api/events/websocket/${instance}`,
  GetWebsocket: (instance) => `GET /api/events/getWebsocket/${instance}`,
  SetWebhook: (instance) => `POST /api/events/webhook/${instance}`,
  GetWebhook: (instance, query) => `GET /api/events/getWebhook/${instance}${query}`,
  CreateInstance: () => "POST /api/instance/new",
  ListInstances: (_, query) => `GET /api/instance/list${query}`,
  DeleteInstance: (instance) => `DELETE /api/instance/delete/${instance}`,
  PublishEvent: (instance) => `POST /api/events/publish/${instance}`,
  CreateAccountTicket: () => "POST /api/events/ticket",
  CreateTicket: (instance) => `POST /api/events/ticket/${instance}`,
  CheckHealth: () => "GET /health",
};

export function openRestFace(url: string): Face {
  return {
    name: "REST",
    close() {},
    async call(method, request, headers = {}) {
      const { instance, instanceName, ...body } = bodyOf(method, toJson(method.input, create(method.input, request)));
      const asked = Object.entries({ instanceName, label: method.name === "GetWebhook" ? body.label : undefined })
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
      const query = asked.length === 0 ? "" : `?${asked.join("&")}`;
      const route = routes[method.name]?.(encodeURIComponent(String(instance ?? "")), query) ?? "";
      const [verb = "", path = ""] = route.split(" ");
      const response = await fetch(`${url}${path}`, {
        method: verb,
        headers: verb === "POST" ? { "content-type": "application/json", ...headers } : headers,
        ...(verb === "POST" && { body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as JsonObject;
      const metadata = response.headers;
      if (response.ok) return { outcome: { answer }, metadata };
      const message = (answer.error as { message: string }).message;
      if (JSON.stringify(answer) !== JSON.stringify({ success: false, error: { message } })) {
        throw new Error(`no envelope: ${JSON.stringify(answer)}`);
      }
      return { outcome: failure(response.status, message), metadata };
    },
  };
}

/** Over REST the JSON text of an event stands in the body as itself. */
function bodyOf(method: DescMethod, json: JsonValue): JsonObject {
  const { dataJson, ...body } = json as JsonObject;
  if (method.name !== "PublishEvent" || dataJson === undefined) return json as JsonObject;
  return { ...body, data: JSON.parse(Buffer.from(String(dataJson), "base64").toString()) };
}

/** As the other faces tell it: REST has only a status and a text, and the two together name one reason. */
function failure(status: number, message: string): { code: string; message: string; reason: Reason } {
  const found = Object.entries(catalogue).find(([, row]) => row.status === status && row.message === message);
  if (found === undefined) throw new Error(`not in the catalogue: ${status} ${message}`);
  const [reason, { code }] = found;
  return { code: pascal(code), message, reason: reason as Reason };
}

/** `not_found` as the other faces write it: `NotFound`. */
function pascal(code: Code): string {
  return code.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
}
