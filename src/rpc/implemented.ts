/** Every method of the contract is answered by something: one that is not would silently not be there. */

import type { DescMethod } from "@bufbuild/protobuf";

/** Throws for a method without an implementation, and for one that has an implementation for calls of another kind. */
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
