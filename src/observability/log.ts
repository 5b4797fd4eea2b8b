/**
 * Creates the logger. It writes JSON lines, or lines for people at a terminal. It takes secrets out of them: fields
 * with the name of a secret, and tokens, passwords and log-ins that it recognises in texts.
 */

import { type DestinationStream, type Logger, pino } from "pino";
import { prettyFactory } from "pino-pretty";

export interface LogOptions {
  readonly level: string;
  /**
   * Where log lines go. The default is standard error, to which each line is written before the next statement runs, so
   * no line is lost when the process exits.
   */
  readonly destination?: DestinationStream;
  /** Whether to write lines for people at a terminal in place of JSON. */
  readonly readable: boolean;
}

const censor = "[redacted]";

/** Ends of the names of fields and headers whose value is always a secret. */
const secretName = /(?:tokens?|tickets?|authorization|cookie|password|secret|encryption_?key|database_?url)$/i;

export function createLogger({ level, readable, destination = standardError() }: LogOptions): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // pino's serializer does nothing here. The formatter `log` has already turned the error, with its cause and
      // fields, into a plain object.
      serializers: { err: (error: unknown) => error },
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (fields) => redact(fields, 0) as Record<string, unknown>,
        log: (fields) => redact(fields, 0) as Record<string, unknown>,
      },
      hooks: { streamWrite: redactText },
    },
    readable ? prettyPrinted(destination) : destination,
  );
}

/** Formats each line for people and passes it on at once. pino-pretty's own stream would write it later. */
function prettyPrinted(destination: DestinationStream): DestinationStream {
  const format = prettyFactory({ colorize: true, translateTime: "SYS:HH:MM:ss.l" });
  return { write: (line) => destination.write(format(line)) };
}

function standardError(): DestinationStream {
  return pino.destination({ fd: 2, sync: true });
}

/**
 * Copies a value for the log without its secrets. Objects are searched eight levels deep. Deeper objects are replaced
 * by `[deep]`.
 */
function redact(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth === 8) return "[deep]";
  if (value instanceof Error) return redactError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof URL) return value.href;
  if (value instanceof Map || value instanceof Headers) return redact(Object.fromEntries(value.entries()), depth);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      item !== undefined && secretName.test(key) ? censor : redact(item, depth + 1),
    ]),
  );
}

function redactError(error: Error, depth: number): unknown {
  const { name, message, stack, cause, ...fields } = error;
  return {
    type: name,
    message,
    stack,
    ...(redact(fields, depth + 1) as object),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}

// The pattern of a secret in a JSON line. A secret ends at white space, at `&` or `#`, or at a quote without a
// backslash. A quote with a backslash belongs to the secret, because a token may contain quotes.
const secret = String.raw`(?:[^&\s"'#\\]|\\.)+`;
const secretsInText: readonly RegExp[] = [
  new RegExp(`([?&;](?:token|ticket)=)${secret}`, "gi"),
  new RegExp(String.raw`(\b(?:bearer|basic)\s+)${secret}`, "gi"),
  new RegExp(
    String.raw`(\b(?:authorization|token|ticket)\\?["']?\s*[:=]\s*\\?["']?)(?!(?:bearer|basic)\b)${secret}`,
    "gi",
  ),
  // This pattern matches the password of a database URL.
  /(:\/\/[^/\s:@"]*:)[^/\s@"]+(?=@)/g,
];

/** Replaces the secrets that the patterns find in a finished line, such as those in messages, stacks and URLs. */
function redactText(line: string): string {
  return secretsInText.reduce((text, pattern) => text.replace(pattern, `$1${censor}`), line);
}
