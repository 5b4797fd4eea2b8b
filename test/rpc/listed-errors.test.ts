/** The errors that the contract lists for its routes, and what tells when one is answered that it does not list. */

import { describe, expect, it } from "vitest";
import { answers, catalogue, refusals } from "../../gen/errors.js";
import { Reason } from "../../gen/eventwire/v1/error_pb.js";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { compareAnswers, compareRefusals, compareUpgrade } from "../../src/rpc/errors/listed-errors.js";
import { readPolicies } from "../../src/rpc/policy.js";
import { services } from "../../src/rpc/services.js";
import { takeUnlistedErrors } from "../support/listed-errors.js";

const lists = Object.entries<readonly string[]>(answers);
const names = (reasons: readonly Reason[]) => reasons.map((reason) => Reason[reason]);

describe("the list of a method", () => {
  it.each([...readPolicies(services)])("$name has the errors of its policy", (method, policy) => {
    const name = `${method.parent.typeName}/${method.name}`;
    const [, listed] = lists.find(([route]) => route === name) ?? [];
    expect(listed).toEqual(expect.arrayContaining(names(policy.errors)));
    const [, refused = []] = Object.entries<readonly string[]>(refusals).find(([route]) => route === name) ?? [];
    expect([...refused].sort()).toEqual(names(policy.refusals).sort());
  });

  it("has what the checks before the method answer, and only where they are made", () => {
    const publishing = answers["eventwire.v1.EventService/PublishEvent"];
    expect(publishing).toEqual(expect.arrayContaining(["INVALID_TOKEN", "RATE_LIMITED", "INSTANCE_NOT_FOUND"]));
    expect(publishing).not.toContain("INSTANCE_MISMATCH");
    expect(answers["eventwire.v1.WebsocketService/GetWebsocket"]).toContain("INSTANCE_MISMATCH");
    const health = answers["eventwire.v1.HealthService/CheckHealth"];
    expect(health).toContain("INTERNAL");
    expect(health).not.toContain("INVALID_TOKEN");
    expect(health).not.toContain("RATE_LIMITED");
  });

  it("is not missing for any error but those of no route", () => {
    const listed = new Set(lists.flatMap(([, reasons]) => reasons));
    expect(Object.keys(catalogue).filter((reason) => !listed.has(reason))).toEqual(["NOT_FOUND", "METHOD_NOT_ALLOWED"]);
  });
});

describe("an error that is not listed", () => {
  it("is told, with the route that answered it", () => {
    compareAnswers(HealthService.method.checkHealth)("INVALID_TOKEN");
    compareRefusals(EventService.method.publishEvents)("INVALID_TOKEN");
    compareUpgrade()("QUOTA_EXCEEDED");
    expect(takeUnlistedErrors()).toEqual([
      { route: "eventwire.v1.HealthService/CheckHealth", reason: "INVALID_TOKEN" },
      { route: "eventwire.v1.EventService/PublishEvents", reason: "INVALID_TOKEN" },
      { route: "GET /ws/{instance}", reason: "QUOTA_EXCEEDED" },
    ]);
  });

  it("is told for methods of the contract only", () => {
    compareAnswers(ServerReflection.method.serverReflectionInfo)("QUOTA_EXCEEDED");
    expect(takeUnlistedErrors()).toEqual([]);
  });
});

it("an error that is listed is told to nobody", () => {
  compareAnswers(WebsocketService.method.getWebsocket)("WEBSOCKET_NOT_CONFIGURED");
  compareRefusals(EventService.method.publishEvents)("RATE_LIMITED");
  compareUpgrade()("MISSING_TOKEN");
  expect(takeUnlistedErrors()).toEqual([]);
});
