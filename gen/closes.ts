/** Why the gateway ends connections. Generated from proto/; do not edit. */

/** By the name of the reason, in the order of the contract. */
export const closeCatalogue = {
  SHUTTING_DOWN: {"code":1001,"reason":"shutting down","reconnect":true,"status":"unavailable","refusals":[],"meaning":"The node shuts down or drains. Connect to another node, or to this one later."},
  MESSAGE_TOO_BIG: {"code":1009,"reason":"message too big","reconnect":false,"status":"","refusals":[],"meaning":"The client sent a message above 4 KiB over its WebSocket. It need not send any. No Subscribe stream ends so, because its client sends nothing after its call."},
  PROTOCOL_ERROR: {"code":4000,"reason":"protocol error","reconnect":false,"status":"invalid_argument","refusals":["INVALID_REQUEST_BODY","INVALID_REQUEST"],"meaning":"The client sent ten messages within a minute that the gateway does not understand, which is possible over a WebSocket alone. Or its call breaks a rule of the contract."},
  TOKEN_REVOKED: {"code":4001,"reason":"token revoked","reconnect":false,"status":"unauthenticated","refusals":[],"meaning":"The token with which the connection was opened is no longer valid."},
  NOT_ALLOWED: {"code":4003,"reason":"not allowed","reconnect":false,"status":"permission_denied","refusals":["INSTANCE_MISMATCH","ORIGIN_NOT_ALLOWED"],"meaning":"The token is valid for another instance, or the page's origin may not connect."},
  INSTANCE_DELETED: {"code":4004,"reason":"instance deleted","reconnect":false,"status":"not_found","refusals":["INSTANCE_NOT_FOUND"],"meaning":"The instance was deleted, or no instance has this name."},
  CHANNEL_NOT_ENABLED: {"code":4005,"reason":"channel not enabled","reconnect":false,"status":"failed_precondition","refusals":["WEBSOCKET_DISABLED"],"meaning":"The WebSocket channel of the instance is not enabled."},
  SLOW_CONSUMER: {"code":4008,"reason":"slow consumer","reconnect":true,"status":"resource_exhausted","refusals":[],"meaning":"Too many frames or bytes wait for the connection; or too many bytes wait on the node, and most of them for this connection. Connect again, and read faster."},
  DISCONNECTED_BY_OPERATOR: {"code":4010,"reason":"disconnected by an operator","reconnect":false,"status":"permission_denied","refusals":[],"meaning":"An operator has disconnected the consumers of the instance or the account. The token still works. Ask the operator before you connect again."},
  RATE_LIMITED: {"code":4029,"reason":"rate limit","reconnect":true,"status":"resource_exhausted","refusals":["RATE_LIMITED"],"meaning":"The rate limit of the account, the instance or the remote address is used up. Connect again after `retryAfterMs`."},
  INVALID_TOKEN: {"code":4401,"reason":"invalid token","reconnect":false,"status":"unauthenticated","refusals":["INVALID_TOKEN","MISSING_TOKEN"],"meaning":"The token or ticket is missing, unknown, used up or revoked."},
  INTERNAL_ERROR: {"code":4500,"reason":"internal error","reconnect":true,"status":"internal","refusals":["GET_INSTANCE_FAILED","INTERNAL","OUT_OF_DATE","OVERLOADED","SHUTTING_DOWN","OLDER_NODE","TICKETS_UNAVAILABLE"],"meaning":"The gateway cannot serve the connection now: its database is away, it shuts down, a node of an older release leaves out events for a whole account, or it has failed."},
} as const;
