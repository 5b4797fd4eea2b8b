/**
 * Checks that every method of the contract has an implementation. Otherwise a forgotten method would not exist, and
 * nobody would notice.
 */

import type { DescMethod } from "@bufbuild/protobuf";

/** Throws for a method without an implementation, or with an implementation for another kind of call. */
export function requireImplemented(
  contract: Iterable<DescMethod>,
  { unary, streams }: { unary: ReadonlySet<DescMethod>; streams: ReadonlySet<DescMethod> },
): void {
  for (const method of contract) {
    const implemented = method.methodKind === "unary" ? unary : streams;
    if (implemented.has(method)) continue;
    const kind = method.methodKind.replace("_", "-");
    throw new Error(
      `${method.parent.typeName}/${method.name}, a ${kind} method of the contract, has no implementation.`,
    );
  }
}
