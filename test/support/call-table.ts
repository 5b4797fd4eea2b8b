/** The calls that every face answers alike: each with its outcome, in the order in which they are made. */

import { expect } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { TicketService } from "../../gen/eventwire/v1/ticket_service_pb.js";
import { WebhookService } from "../../gen/eventwire/v1/webhook_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { json, type Row, row, type Stage } from "./call-row.js";
import { published } from "./published.js";

const { setWebsocket, getWebsocket } = WebsocketService.method;
const { setWebhook, getWebhook } = WebhookService.method;
const { createInstance, listInstances, deleteInstance } = InstanceService.method;
const { publishEvent } = EventService.method;
const { createTicket, createAccountTicket } = TicketService.method;
const { checkHealth } = HealthService.method;

const configured = (websocket: object) => () => ({
  success: true,
  message: "WebSocket configured successfully",
  websocket,
});
const narrow = { enabled: true, events: ["call.update", "message.status", "call.update"], mediaBase64: true };
const off = { enabled: false, events: [], mediaBase64: false };
const ticket = () => ({
  success: true,
  message: "Ticket created",
  ticket: expect.stringMatching(/^tk_[\w-]{43}$/),
  expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
});
const hook = {
  label: "default",
  enabled: true,
  url: "https://app.example.net/hook",
  authorization: null,
  byEvents: false,
  events: ["call.update"],
  mediaBase64: false,
};
const desk = ({ desk }: Stage) => ({ instance: desk });

/** Of an event of at most 16 KiB. They run in this order on each face. */
export const callTable: Record<string, Row> = {
  "a channel never configured": row(getWebsocket, "deskToken", desk, "WEBSOCKET_NOT_CONFIGURED"),
  "a narrow channel": row(setWebsocket, "deskToken", (s) => ({ ...desk(s), ...narrow }), configured(narrow)),
  "reading it": row(getWebsocket, "account", desk, () => ({
    success: true,
    message: "WebSocket configuration retrieved",
    websocket: narrow,
  })),
  "a channel without `enabled`": row(setWebsocket, "account", desk, "INVALID_REQUEST_BODY"),
  "a channel with an unknown event": row(
    setWebsocket,
    "account",
    (s) => ({ ...desk(s), enabled: true, events: ["message"] }),
    "INVALID_REQUEST_BODY",
  ),
  "a disabled channel with an unknown event": row(
    setWebsocket,
    "account",
    (s) => ({ ...desk(s), enabled: false, events: [""] }),
    "INVALID_REQUEST_BODY",
  ),
  "a disabled channel": row(
    setWebsocket,
    "account",
    (s) => ({ ...desk(s), ...narrow, enabled: false }),
    configured(off),
  ),
  "no token": row(setWebsocket, "none", desk, "INVALID_TOKEN"),
  "an unknown token": row(getWebsocket, "unknown", desk, "INVALID_TOKEN"),
  "an unknown instance": row(getWebsocket, "account", () => ({ instance: "nobody's" }), "INSTANCE_NOT_FOUND"),
  "an unknown instance before its body": row(
    setWebsocket,
    "account",
    () => ({ instance: "nobody's" }),
    "INSTANCE_NOT_FOUND",
  ),
  "another instance": row(getWebsocket, "deskToken", ({ other }) => ({ instance: other }), "INSTANCE_MISMATCH"),
  "another instance that is not there": row(
    setWebsocket,
    "deskToken",
    () => ({ instance: "nobody's" }),
    "INSTANCE_MISMATCH",
  ),
  "a webhook never configured": row(
    getWebhook,
    "deskToken",
    (s) => ({ ...desk(s), label: "" }),
    "WEBHOOK_NOT_CONFIGURED",
  ),
  "a webhook without a URL": row(
    setWebhook,
    "deskToken",
    (s) => ({ ...desk(s), enabled: true }),
    "INVALID_REQUEST_BODY",
  ),
  "a webhook": row(
    setWebhook,
    "deskToken",
    (s) => ({ ...desk(s), enabled: true, url: hook.url, authorization: "Bearer it", events: hook.events }),
    () => ({
      success: true,
      message: "Webhook configured successfully",
      webhook: { ...hook, authorization: "Bearer it" },
    }),
  ),
  "a webhook with a label": row(
    setWebhook,
    "account",
    (s) => ({ ...desk(s), label: "second", enabled: true, url: hook.url, events: hook.events }),
    () => ({ success: true, message: "Webhook configured successfully", webhook: { ...hook, label: "second" } }),
  ),
  "reading a webhook": row(
    getWebhook,
    "account",
    (s) => ({ ...desk(s), label: "second" }),
    () => ({
      success: true,
      message: "Webhook configuration retrieved",
      webhooks: [],
      webhook: { ...hook, label: "second" },
    }),
  ),
  "another instance's webhooks": row(
    getWebhook,
    "deskToken",
    ({ other }) => ({ instance: other }),
    "INSTANCE_MISMATCH",
  ),
  "a list of itself": row(
    listInstances,
    "deskToken",
    () => ({ instanceName: ["ignored"] }),
    ({ desk, deskToken }) => ({
      success: true,
      message: "1 Instance found",
      instances: [
        {
          id: expect.any(String),
          name: desk,
          token: deskToken,
          status: "disconnected",
          connection: { state: "disconnected" },
          websocket: off,
          webhook: { ...hook, authorization: "Bearer it" },
        },
      ],
    }),
  ),
  "a list of two names": row(
    listInstances,
    "account",
    ({ desk, other }) => ({ instanceName: [`${other},nobody's,${desk}`] }),
    ({ desk, other }) => ({
      success: true,
      message: "2 Instances found",
      instances: [expect.objectContaining({ name: desk }), expect.objectContaining({ name: other })],
    }),
  ),
  "a list of one unknown name": row(
    listInstances,
    "account",
    () => ({ instanceName: ["nobody's"] }),
    "INSTANCE_NOT_FOUND",
  ),
  "a name that is taken": row(createInstance, "account", ({ desk }) => ({ name: desk }), "INSTANCE_EXISTS"),
  "a token that is taken": row(
    createInstance,
    "account",
    ({ desk, deskToken }) => ({ name: `${desk} again`, token: deskToken }),
    "TOKEN_IN_USE",
  ),
  "an impossible name": row(createInstance, "account", () => ({ name: "a/b" }), "INVALID_REQUEST_BODY"),
  "a creation as an instance": row(createInstance, "deskToken", () => ({ name: "more" }), "INVALID_TOKEN"),
  "an event": row(
    publishEvent,
    "account",
    (s) => ({ ...desk(s), event: "call.update", payload: json('{"a":1}') }),
    () => published,
  ),
  "an event as an instance": row(
    publishEvent,
    "deskToken",
    (s) => ({ ...desk(s), event: "call.update", payload: json("{}") }),
    "INVALID_TOKEN",
  ),
  "an event on an unknown instance": row(
    publishEvent,
    "account",
    () => ({ instance: "nobody's", event: "call.update", payload: json("{}") }),
    "INSTANCE_NOT_FOUND",
  ),
  "an event of an unknown type": row(
    publishEvent,
    "account",
    (s) => ({ ...desk(s), event: "call", payload: json("{}") }),
    "INVALID_REQUEST_BODY",
  ),
  "an event without data": row(
    publishEvent,
    "account",
    (s) => ({ ...desk(s), event: "call.update" }),
    "INVALID_REQUEST_BODY",
  ),
  "an event that is a list": row(
    publishEvent,
    "account",
    (s) => ({ ...desk(s), event: "call.update", payload: json("[]") }),
    "INVALID_REQUEST_BODY",
  ),
  "an event that is too large": row(
    publishEvent,
    "account",
    (s) => ({ ...desk(s), event: "call.update", payload: json(`{"x":"${"x".repeat(16_384)}"}`) }),
    "EVENT_TOO_LARGE",
  ),
  "a ticket": row(createTicket, "deskToken", desk, ticket),
  "a ticket for some types, made with the account's token": row(
    createTicket,
    "account",
    (s) => ({ ...desk(s), events: ["call.update"], ttlSeconds: 300 }),
    ticket,
  ),
  "a ticket for no time": row(
    createTicket,
    "deskToken",
    (s) => ({ ...desk(s), ttlSeconds: 0 }),
    "INVALID_REQUEST_BODY",
  ),
  "a ticket for too long": row(
    createTicket,
    "deskToken",
    (s) => ({ ...desk(s), ttlSeconds: 301 }),
    "INVALID_REQUEST_BODY",
  ),
  "a ticket for an unknown type": row(
    createTicket,
    "deskToken",
    (s) => ({ ...desk(s), events: ["call"] }),
    "INVALID_REQUEST_BODY",
  ),
  "a ticket for another instance": row(
    createTicket,
    "deskToken",
    ({ other }) => ({ instance: other }),
    "INSTANCE_MISMATCH",
  ),
  "a ticket for an unknown instance": row(
    createTicket,
    "account",
    () => ({ instance: "nobody's" }),
    "INSTANCE_NOT_FOUND",
  ),
  "a ticket for a whole account": row(createAccountTicket, "account", () => ({ ttlSeconds: 1 }), ticket),
  "a ticket for a whole account as an instance": row(createAccountTicket, "deskToken", () => ({}), "INVALID_TOKEN"),
  "a ticket without a token": row(createTicket, "none", desk, "INVALID_TOKEN"),
  "the end as an instance": row(deleteInstance, "deskToken", desk, "INVALID_TOKEN"),
  "the end": row(deleteInstance, "account", desk, () => ({
    success: true,
    message: "Instance deleted",
    instance: { status: "deleted" },
  })),
  "the end once more": row(deleteInstance, "account", desk, "INSTANCE_NOT_FOUND"),
  "the token of what has ended": row(listInstances, "deskToken", () => ({}), "INVALID_TOKEN"),
  "the health": row(
    checkHealth,
    "unknown",
    () => ({}),
    () => ({
      status: "ok",
      service: "eventwire",
      uptime: expect.any(Number),
      timestamp: expect.any(String),
      checks: { db: "ok" },
    }),
  ),
};
