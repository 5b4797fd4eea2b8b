/** The errors that a client can see, and which route answers which. Generated from proto/; do not edit. */

/** By reason, in the order of the contract. Names in braces in a message stand for values of the call. */
export const catalogue = {
  INVALID_REQUEST_BODY: { code: "invalid_argument", status: 400, message: "Invalid request body", meaning: "The body, a field or a header of the call breaks a rule, and the error names the rule. The gateway did nothing." },
  INVALID_REQUEST: { code: "invalid_argument", status: 400, message: "Invalid request", meaning: "The headers of the request can be read in two ways, or ask for a version of Connect that does not exist. Or a parameter in the query of an `eventwire.v1` upgrade is wrong. The error names the rule that the request breaks." },
  WEBSOCKET_DISABLED: { code: "failed_precondition", status: 400, message: "WebSocket is not enabled for this instance. Configure it first using POST /api/events/websocket/{instance}", meaning: "The instance has no channel configuration, or its channel is disabled. So the gateway opens no socket on it." },
  INVALID_TOKEN: { code: "unauthenticated", status: 401, message: "Invalid token", meaning: "The token is missing, unknown or revoked; or it is a TokenInstance where only a TokenAccount may make the call; or it stands in the query, and QUERY_TOKENS is `off`. Or the ticket is unknown, used up, too old, or its token is revoked." },
  MISSING_TOKEN: { code: "unauthenticated", status: 401, message: "Missing token in header, Authorization header, or query parameter", meaning: "The upgrade request has neither a ticket nor a token in the header `token`, in `Authorization` or in the query." },
  INSTANCE_MISMATCH: { code: "permission_denied", status: 403, message: "Instance token does not match requested instance", meaning: "The TokenInstance, or the ticket, is for another instance than the one in the call, whether or not that one exists." },
  ORIGIN_NOT_ALLOWED: { code: "permission_denied", status: 403, message: "Origin not allowed", meaning: "The web page that opens the socket has an origin that ALLOWED_ORIGINS does not name, and that is not the gateway's own." },
  QUOTA_EXCEEDED: { code: "permission_denied", status: 403, message: "Account instance quota exceeded", meaning: "The account already has as many instances as ACCOUNT_INSTANCE_QUOTA allows." },
  NOT_FOUND: { code: "not_found", status: 404, message: "Not found", meaning: "No route has this path." },
  INSTANCE_NOT_FOUND: { code: "not_found", status: 404, message: "Instance not found", meaning: "The account has no instance of the name in the call." },
  WEBSOCKET_NOT_CONFIGURED: { code: "not_found", status: 404, message: "WebSocket not configured for this instance", meaning: "The channel of the instance was never configured, so there is no configuration to read." },
  METHOD_NOT_ALLOWED: { code: "unimplemented", status: 405, message: "Method not allowed", meaning: "The route has other HTTP methods than the one of the request. The header `Allow` names them." },
  INSTANCE_EXISTS: { code: "already_exists", status: 409, message: "Instance already exists", meaning: "The account already has an instance of the name that was chosen for the new one." },
  TOKEN_IN_USE: { code: "already_exists", status: 409, message: "Token already in use", meaning: "The token that was chosen for the instance belongs to an account or an instance, or did so a short time ago." },
  EVENT_TOO_LARGE: { code: "resource_exhausted", status: 413, message: "Event too large", meaning: "The event, or the message in which it was sent, is larger than PUBLISH_MAX_BYTES allows." },
  EVENT_TOO_LARGE_FOR_BUS: { code: "resource_exhausted", status: 413, message: "Event too large for the event bus, which carries at most {limit} bytes", meaning: "The event is larger than a message of NATS may be. Raise `max_payload` of NATS, or send a smaller event." },
  UNSUPPORTED_COMPRESSION: { code: "unimplemented", status: 415, message: "Unsupported compression", meaning: "The message of an RPC call has a compression that the gateway does not know. The error names the compressions that it knows." },
  UPGRADE_REQUIRED: { code: "failed_precondition", status: 426, message: "Upgrade required", meaning: "The request passed all checks of an upgrade, but is no WebSocket handshake (RFC 6455)." },
  RATE_LIMITED: { code: "resource_exhausted", status: 429, message: "Rate limit exceeded. Try again later.", meaning: "The account or the instance of the token has used up its calls of the present window of 60 s. A caller without a valid token shares the calls of its remote address. Try again after `Retry-After`." },
  GET_INSTANCE_FAILED: { code: "internal", status: 500, message: "Failed to get instance", meaning: "The node could not read the instance from the database, or has not read any tokens from it since its start." },
  GET_WEBSOCKET_FAILED: { code: "internal", status: 500, message: "Failed to get websocket configuration", meaning: "The node could not read the channel configuration from the database." },
  SET_WEBSOCKET_FAILED: { code: "internal", status: 500, message: "Failed to update websocket configuration", meaning: "The node could not write the channel configuration to the database." },
  CREATE_INSTANCE_FAILED: { code: "internal", status: 500, message: "Failed to create instance", meaning: "The node could not write the new instance to the database." },
  LIST_INSTANCES_FAILED: { code: "internal", status: 500, message: "Failed to list instances", meaning: "The node could not read the instances from the database." },
  DELETE_INSTANCE_FAILED: { code: "internal", status: 500, message: "Failed to delete instance", meaning: "The node could not delete the instance from the database." },
  INTERNAL: { code: "internal", status: 500, message: "Internal server error", meaning: "The gateway has a fault. Its log has the cause." },
  BUS_UNREACHABLE: { code: "unavailable", status: 503, message: "Other nodes cannot be reached. Try again later.", meaning: "The bus between the nodes is away, and BUS_OUTAGE is `refuse`, so the node does not publish the event." },
  OUT_OF_DATE: { code: "unavailable", status: 503, message: "Changes of tokens and configurations do not reach this node. Try again later.", meaning: "The node no longer hears of changes in the database. It refuses the call, because the token may have been revoked." },
  OVERLOADED: { code: "unavailable", status: 503, message: "Too much is under way on this node. Try again later.", meaning: "The bodies of all requests under way on the node, with their decompressed bytes, fill REQUEST_BODIES_MAX_BYTES. Try again after `Retry-After`." },
  SHUTTING_DOWN: { code: "unavailable", status: 503, message: "Shutting down. Try again later.", meaning: "The node is shutting down. Try again after `Retry-After`: a balancer then leads to another node." },
  OLDER_NODE: { code: "unavailable", status: 503, message: "A node of an older release would leave out events. Try again when all nodes are upgraded, or connect to each instance.", meaning: "The connection is for all instances of an account, and a node of an older release is among the nodes. The events that such a node accepts would not reach the connection. Connect again when every node runs this release, or connect to each instance." },
  CREATE_TICKET_FAILED: { code: "internal", status: 500, message: "Failed to create ticket", meaning: "The node could not write the ticket to the database." },
  TICKETS_UNAVAILABLE: { code: "unavailable", status: 503, message: "Tickets cannot be checked. Try again later.", meaning: "The call has a ticket, and the node could not ask the database whether the ticket is valid. Calls with a token do not need the database. The ticket may be used up by now, so try again with a new one." },
} as const;

type Reasons = readonly (keyof typeof catalogue)[];

/** What each route can answer: methods by their full names, and the upgrade. */
export const answers = {
  "eventwire.v1.EventService/PublishEvent": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","INSTANCE_NOT_FOUND","EVENT_TOO_LARGE","EVENT_TOO_LARGE_FOR_BUS","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","INTERNAL","BUS_UNREACHABLE","OUT_OF_DATE","OVERLOADED"],
  "eventwire.v1.EventService/PublishEvents": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","EVENT_TOO_LARGE","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","INTERNAL","BUS_UNREACHABLE","OUT_OF_DATE","OVERLOADED","SHUTTING_DOWN"],
  "eventwire.v1.HealthService/CheckHealth": ["INVALID_REQUEST_BODY","INVALID_REQUEST","UNSUPPORTED_COMPRESSION","INTERNAL","OVERLOADED"],
  "eventwire.v1.InstanceService/CreateInstance": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","QUOTA_EXCEEDED","INSTANCE_EXISTS","TOKEN_IN_USE","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","CREATE_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED"],
  "eventwire.v1.InstanceService/ListInstances": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","INSTANCE_NOT_FOUND","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","LIST_INSTANCES_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED"],
  "eventwire.v1.InstanceService/DeleteInstance": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","INSTANCE_NOT_FOUND","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","DELETE_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED"],
  "eventwire.v1.SubscriptionService/Subscribe": ["INVALID_REQUEST_BODY","INVALID_REQUEST","WEBSOCKET_DISABLED","INVALID_TOKEN","INSTANCE_MISMATCH","INSTANCE_NOT_FOUND","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED","SHUTTING_DOWN","OLDER_NODE","TICKETS_UNAVAILABLE"],
  "eventwire.v1.TicketService/CreateTicket": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","INSTANCE_MISMATCH","INSTANCE_NOT_FOUND","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED","CREATE_TICKET_FAILED"],
  "eventwire.v1.TicketService/CreateAccountTicket": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED","CREATE_TICKET_FAILED"],
  "eventwire.v1.WebsocketService/SetWebsocket": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","INSTANCE_MISMATCH","INSTANCE_NOT_FOUND","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","SET_WEBSOCKET_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED"],
  "eventwire.v1.WebsocketService/GetWebsocket": ["INVALID_REQUEST_BODY","INVALID_REQUEST","INVALID_TOKEN","INSTANCE_MISMATCH","INSTANCE_NOT_FOUND","WEBSOCKET_NOT_CONFIGURED","UNSUPPORTED_COMPRESSION","RATE_LIMITED","GET_INSTANCE_FAILED","GET_WEBSOCKET_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED"],
  "GET /ws/{instance}": ["INVALID_REQUEST","WEBSOCKET_DISABLED","INVALID_TOKEN","MISSING_TOKEN","INSTANCE_MISMATCH","ORIGIN_NOT_ALLOWED","INSTANCE_NOT_FOUND","UPGRADE_REQUIRED","RATE_LIMITED","GET_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","SHUTTING_DOWN","OLDER_NODE","TICKETS_UNAVAILABLE"],
} as const satisfies Record<string, Reasons>;

/** Of methods that take batches: why one item may be refused while the call goes on. */
export const refusals = {
  "eventwire.v1.EventService/PublishEvents": ["INVALID_REQUEST_BODY","INSTANCE_NOT_FOUND","EVENT_TOO_LARGE","EVENT_TOO_LARGE_FOR_BUS","RATE_LIMITED","BUS_UNREACHABLE"],
} as const satisfies Record<string, Reasons>;
