/** All services of the contract, as the generated code describes them. */

import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { SubscriptionService } from "../../gen/eventwire/v1/subscription_service_pb.js";
import { TicketService } from "../../gen/eventwire/v1/ticket_service_pb.js";
import { WebhookService } from "../../gen/eventwire/v1/webhook_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";

export const services = [
  WebsocketService,
  WebhookService,
  InstanceService,
  EventService,
  SubscriptionService,
  TicketService,
  HealthService,
] as const;
