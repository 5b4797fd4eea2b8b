/** The method of HealthService, which reports the health of this node. */

import { timestampNow } from "@bufbuild/protobuf/wkt";
import { HealthService } from "../../../gen/eventwire/v1/health_service_pb.js";
import { describeTrouble, type Health } from "../../service/health.js";
import { type Method, openMethod } from "./method.js";

export function createHealthMethods({ health }: { health: Health }): Method[] {
  return [
    openMethod(HealthService.method.checkHealth, async () => {
      const checks = await health.check();
      const reason = describeTrouble(checks);
      return {
        status: reason === undefined ? "ok" : "degraded",
        service: "eventwire",
        uptime: health.uptime(),
        timestamp: timestampNow(),
        checks,
        ...(reason !== undefined && { reason }),
      };
    }),
  ];
}
