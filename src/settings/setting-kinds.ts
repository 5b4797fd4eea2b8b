/** The kinds of values that a setting may have: for each, a parser and the words that describe the allowed values. */

import { accessSync, constants, statSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";

export interface Kind<T> {
  /** The allowed values in words. They complete an error sentence such as "PORT must be …". */
  readonly allowed: string;
  /** Turns the text of a variable into the value of the setting. Undefined when the text is not allowed. */
  parse(text: string): T | undefined;
}

export const levels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export function integer(min: number, max: number): Kind<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/**
 * A number of processes from `min` to `max`. `auto` means one process for each processor core that this process may
 * use, within these bounds.
 */
export function cores(min: number, max: number): Kind<number> {
  const count = integer(min, max);
  return {
    allowed: `${count.allowed}, or auto`,
    parse: (text) => (text === "auto" ? Math.min(Math.max(availableParallelism(), min), max) : count.parse(text)),
  };
}

export function oneOf<T extends string>(values: readonly T[]): Kind<T> {
  return { allowed: `one of ${values.join(", ")}`, parse: (text) => values.find((value) => value === text) };
}

export function hostname(): Kind<string> {
  return {
    allowed: "an IP address or a host name",
    parse(text) {
      // A text of only digits and dots must be an IP address. So 300.1.1.1 is refused and not taken for a host name.
      if (/^[\d.]+$/.test(text)) return isIPv4(text) ? text : undefined;
      return /^[A-Za-z0-9.-]{1,253}$/.test(text) || isIPv6(text) ? text : undefined;
    },
  };
}

export function path(): Kind<string> {
  return { allowed: "a path", parse: (text) => (text.includes("\0") ? undefined : resolve(text)) };
}

export function readableFile(): Kind<string> {
  return {
    allowed: "a file that can be read",
    parse(text) {
      try {
        accessSync(text, constants.R_OK);
        return statSync(text).isFile() ? resolve(text) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

export function publicUrl(): Kind<string> {
  return {
    allowed: "an http or https URL without user, query and fragment",
    parse(text) {
      const url = toUrl(text);
      if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
      if (url.username !== "" || url.password !== "" || /[?#]/.test(text)) return undefined;
      return url.href.replace(/\/+$/, "");
    },
  };
}

export function postgresUrl(): Kind<string> {
  return {
    allowed:
      "a URL that starts with postgres:// or postgresql:// and names one host, with %40, %2F, %3F and %23 in place of @, /, ? and # in its password",
    parse: (text) => (/^postgres(ql)?:$/.test(toUrl(text)?.protocol ?? "") && !isCut(text) ? text : undefined),
  };
}

/**
 * Whether the password seems to contain a character that must be percent-encoded, such as `/`. A URL would end the
 * password at this character and take the rest for the host.
 */
function isCut(url: string): boolean {
  const [, authority = "", rest = ""] = /^[^:]+:\/\/([^/?#]*)(.*)$/s.exec(url) ?? [];
  return authority.split("@").length > 2 || /[@#]/.test(rest);
}

export function natsServers(): Kind<readonly string[]> {
  return {
    allowed: "a comma-separated list of nats:// or tls:// URLs without user, password and path",
    parse(text) {
      const list = text.split(",").map((item) => item.trim());
      return list.every((item) => /^(nats|tls):\/\/[^/?#@\s]+$/.test(item) && toUrl(item) !== undefined)
        ? list
        : undefined;
    },
  };
}

export function natsSubject(): Kind<string> {
  return {
    allowed: "words of letters, digits, - and _ with dots between them",
    parse: (text) => (/^[\w-]{1,64}(\.[\w-]{1,64}){0,7}$/.test(text) ? text : undefined),
  };
}

export function addressRanges(): Kind<readonly string[]> {
  return {
    allowed: "a comma-separated list of address ranges, such as 192.168.0.0/16 or fd00::/8",
    parse(text) {
      const list = text.split(",").map((item) => item.trim());
      return list.every(isAddressRange) ? list : undefined;
    },
  };
}

function isAddressRange(text: string): boolean {
  const [, address = "", bits = ""] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
}

/** A list of up to 30 spans of time in seconds. */
export function secondsList(max: number): Kind<readonly number[]> {
  const one = integer(1, max);
  return {
    allowed: `a comma-separated list of 1 to 30 numbers, each ${one.allowed}`,
    parse(text) {
      const list = text.split(",").map((item) => one.parse(item.trim()));
      return list.length <= 30 && list.every((item) => item !== undefined) ? list : undefined;
    },
  };
}

export function text(): Kind<string> {
  return { allowed: "text", parse: (value) => value };
}

export function origins(): Kind<readonly string[]> {
  return {
    allowed:
      "a comma-separated list of origins, such as https://app.example.net or https://*.example.net, where * is one label, or *",
    parse(text) {
      const list = text.split(",").map((item) => toOrigin(item.trim()));
      return list.every((item) => item !== undefined) ? list : undefined;
    },
  };
}

/** A token of `lengthMin` to 128 characters. */
export function visibleToken(lengthMin: number): Kind<string> {
  return {
    allowed: `${lengthMin} to 128 visible ASCII characters`,
    parse: (text) => (/^[\x21-\x7e]{1,128}$/.test(text) && text.length >= lengthMin ? text : undefined),
  };
}

export function encryptionKey(): Kind<Buffer> {
  return {
    allowed: "32 bytes as 64 hexadecimal digits or as base64",
    parse(text) {
      if (/^[0-9A-Fa-f]{64}$/.test(text)) return Buffer.from(text, "hex");
      return /^[A-Za-z0-9+/]{43}=?$/.test(text) ? Buffer.from(text, "base64") : undefined;
    },
  };
}

/**
 * Turns an entry of a list of origins into the form that browsers send in `Origin`: lower case, without a default port.
 * A star alone, a star as the first label of a host, and other schemes than http, such as `capacitor://localhost`, are
 * allowed. Undefined for every other text.
 */
function toOrigin(text: string): string | undefined {
  if (text === "*") return text;
  const url = toUrl(text);
  if (url === undefined || !/^[a-z][a-z0-9+.-]*:\/\/(\*\.)?[^/?#@*]+\/?$/i.test(text)) return undefined;
  return url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
}

function toUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
