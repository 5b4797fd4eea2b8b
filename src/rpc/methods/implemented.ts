/**
 * Checks at the start that every method of the contract has an implementation. Without this check a forgotten method
 * would be missing and nobody would notice.
 */

import type { DescMethod } from "@bufbuild/protobuf";

/**
 * Throws when a method of the contract has no implementation, or only one for another kind of call (unary or stream).
 */
export function requireImplemented(
  contract: Iterable<DescMethod>,
  by: { unary: ReadonlySet<DescMethod>; serverStreams: ReadonlySet<DescMethod>; streams: ReadonlySet<DescMethod> },
): void {
  for (const method of contract) {
    if (by[implementation(method)].has(method)) continue;
    const kind = method.methodKind.replace("_", "-");
    throw new Error(
      `${method.parent.typeName}/${method.name}, a ${kind} method of the contract, has no implementation.`,
    );
  }
}

/** Says which of the three sets must have a method of this kind. */
function implementation({ methodKind }: DescMethod): "unary" | "serverStreams" | "streams" {
  if (methodKind === "unary") return "unary";
  return methodKind === "server_streaming" ? "serverStreams" : "streams";
}
