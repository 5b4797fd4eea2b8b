/** Every error that a client can see: its reason, canonical code, HTTP status and exact text. */

export type Code =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "already_exists"
  | "failed_precondition"
  | "resource_exhausted"
  | "unimplemented"
  | "unavailable"
  | "internal";

interface Problem {
  readonly code: Code;
  readonly status: number;
  readonly message: string;
}

export const catalogue = {
  INVALID_REQUEST_BODY: { code: "invalid_argument", status: 400, message: "Invalid request body" },
  INVALID_REQUEST: { code: "invalid_argument", status: 400, message: "Invalid request" },
  WEBSOCKET_DISABLED: {
    code: "failed_precondition",
    status: 400,
    message:
      "WebSocket is not enabled for this instance. Configure it first using POST /api/events/websocket/{instance}",
  },
  INVALID_TOKEN: { code: "unauthenticated", status: 401, message: "Invalid token" },
  MISSING_TOKEN: {
    code: "unauthenticated",
    status: 401,
    message: "Missing token in header, Authorization header, or query parameter",
  },
  INSTANCE_MISMATCH: {
    code: "permission_denied",
    status: 403,
    message: "Instance token does not match requested instance",
  },
  ORIGIN_NOT_ALLOWED: { code: "permission_denied", status: 403, message: "Origin not allowed" },
  QUOTA_EXCEEDED: { code: "permission_denied", status: 403, message: "Account instance quota exceeded" },
  NOT_FOUND: { code: "not_found", status: 404, message: "Not found" },
  INSTANCE_NOT_FOUND: { code: "not_found", status: 404, message: "Instance not found" },
  WEBSOCKET_NOT_CONFIGURED: {
    code: "not_found",
    status: 404,
    message: "WebSocket not configured for this instance",
  },
  METHOD_NOT_ALLOWED: { code: "unimplemented", status: 405, message: "Method not allowed" },
  INSTANCE_EXISTS: { code: "already_exists", status: 409, message: "Instance already exists" },
  TOKEN_IN_USE: { code: "already_exists", status: 409, message: "Token already in use" },
  EVENT_TOO_LARGE: { code: "resource_exhausted", status: 413, message: "Event too large" },
  EVENT_TOO_LARGE_FOR_BUS: {
    code: "resource_exhausted",
    status: 413,
    message: "Event too large for the event bus, which carries at most {limit} bytes",
  },
  UNSUPPORTED_COMPRESSION: { code: "unimplemented", status: 415, message: "Unsupported compression" },
  UPGRADE_REQUIRED: { code: "failed_precondition", status: 426, message: "Upgrade required" },
  RATE_LIMITED: {
    code: "resource_exhausted",
    status: 429,
    message: "Rate limit exceeded. Try again later.",
  },
  GET_INSTANCE_FAILED: { code: "internal", status: 500, message: "Failed to get instance" },
  GET_WEBSOCKET_FAILED: { code: "internal", status: 500, message: "Failed to get websocket configuration" },
  SET_WEBSOCKET_FAILED: { code: "internal", status: 500, message: "Failed to update websocket configuration" },
  CREATE_INSTANCE_FAILED: { code: "internal", status: 500, message: "Failed to create instance" },
  LIST_INSTANCES_FAILED: { code: "internal", status: 500, message: "Failed to list instances" },
  DELETE_INSTANCE_FAILED: { code: "internal", status: 500, message: "Failed to delete instance" },
  INTERNAL: { code: "internal", status: 500, message: "Internal server error" },
  BUS_UNREACHABLE: {
    code: "unavailable",
    status: 503,
    message: "Other nodes cannot be reached. Try again later.",
  },
  OUT_OF_DATE: {
    code: "unavailable",
    status: 503,
    message: "Changes of tokens and configurations do not reach this node. Try again later.",
  },
  OVERLOADED: {
    code: "unavailable",
    status: 503,
    message: "Too much is under way on this node. Try again later.",
  },
  // Its Retry-After of one second is right: after a balancer another node has the client by then. Until the end of the drain
  // would keep whoever was refused away for longer than needed, and bring all of them back in the same second.
  SHUTTING_DOWN: { code: "unavailable", status: 503, message: "Shutting down. Try again later." },
} as const satisfies Record<string, Problem>;

export type Reason = keyof typeof catalogue;

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** They fill the braces of the message. */
  readonly values?: Readonly<Record<string, string>>;
  /** The path of the field that is wrong, as the request spells it, such as `events[2]`. */
  readonly field?: string | undefined;
  /** What the field must be, as one sentence. It never repeats what the caller sent. */
  readonly rule?: string | undefined;
  /** When the caller may try again, in whole seconds from now. After a 429 or 503 without it: 1. */
  readonly retryAfterSeconds?: number | undefined;
}

/** The only error whose text leaves the process. Its `cause` is logged and never sent. */
export class AppError extends Error {
  readonly reason: Reason;
  readonly code: Code;
  readonly status: number;
  readonly field: string | undefined;
  readonly rule: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(reason: Reason, { cause, values, field, rule, retryAfterSeconds }: AppErrorOptions = {}) {
    const { code, status, message } = catalogue[reason];
    const framesMax = Error.stackTraceLimit;
    // Where a refusal was thrown is told by its reason, and collecting the stack is the dearest part of it: 13 µs.
    if (status < 500) Error.stackTraceLimit = 0;
    super(
      message.replace(/\{(\w+)\}/g, (braces, name) => values?.[name] ?? braces),
      { cause },
    );
    Error.stackTraceLimit = framesMax;
    this.name = "AppError";
    this.reason = reason;
    this.code = code;
    this.status = status;
    this.field = field;
    this.rule = rule;
    this.retryAfterSeconds = retryAfterSeconds ?? (status === 429 || status === 503 ? 1 : undefined);
  }

  /** Anything else is an internal error: what a library says can not leak. */
  static from(error: unknown): AppError {
    return error instanceof AppError ? error : new AppError("INTERNAL", { cause: error });
  }
}
