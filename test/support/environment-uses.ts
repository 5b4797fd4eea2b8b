/** Where a source file reaches the environment of the process, by whatever name, or lets go of the process object. */

import { parseAst } from "vitest/node";

export interface EnvironmentUse {
  readonly line: number;
  /** The line's text. */
  readonly text: string;
  /** `write`: a variable is set and nothing is read. */
  readonly kind: "read" | "write";
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [member: string]: unknown;
}

/** Members of `process` that read the environment, or lead to it. */
const closed = new Set(["env", "loadEnvFile", "getBuiltinModule", "mainModule", "binding"]);
const globals = new Set(["globalThis", "global"]);
const modules = new Set(["process", "node:process"]);

/**
 * The process object may be named only to take a member that is written out: whatever else happens to it (an alias, an
 * argument, a computed member) could read the environment elsewhere. The same holds for the global object.
 */
export function findEnvironmentUses(source: string): EnvironmentUse[] {
  const uses = new Map<number, EnvironmentUse>();
  visit(parseAst(source, { lang: "ts" }) as unknown as Node, []);
  return [...uses.values()];

  function visit(node: Node, parents: readonly Node[]): void {
    if (isUse(node, parents)) {
      const line = source.slice(0, node.start).split("\n").length;
      const kind = isWrite(node, parents) ? "write" : "read";
      if (uses.get(line)?.kind !== "read")
        uses.set(line, { line, text: (source.split("\n")[line - 1] ?? "").trim(), kind });
    }
    for (const child of childrenOf(node)) visit(child, [node, ...parents]);
  }
}

function isUse(node: Node, [parent, ...above]: readonly Node[]): boolean {
  if (node.type === "Identifier" && isReference(node, parent)) {
    if (node.name === "process") return !takesOpenMembers(parent, node, closed);
    if (globals.has(String(node.name))) return !takesOpenMembers(parent, node, modules);
  }
  if (node.type === "Literal" && typeof node.value === "string") {
    return (modules.has(node.value) && loadsModule(parent)) || node.value.endsWith("/environ");
  }
  if (node.type === "TemplateElement") return JSON.stringify(node.value).includes("/environ");
  // A module whose name is computed may be that of the process.
  if (node.type === "ImportExpression") return (node.source as Node).type !== "Literal";
  return node.type === "TSQualifiedName" && isProcessType(node) && !isWithoutEnvironment(parent, above[0], above[1]);
}

/** Not the name of a member, as in `worker.process` or `{ process: 1 }`. */
function isReference(node: Node, parent: Node | undefined): boolean {
  if (parent === undefined) return true;
  if (parent.type === "MemberExpression") return parent.object === node || parent.computed === true;
  if (parent.type === "TSQualifiedName") return parent.left === node && node.name !== "NodeJS";
  const isKey = parent.key === node && parent.computed !== true && parent.shorthand !== true;
  return !isKey || parent.value === node;
}

/** `process.pid`, or `const { pid, arch } = process`. */
function takesOpenMembers(parent: Node | undefined, node: Node, refused: ReadonlySet<string>): boolean {
  if (parent?.type === "MemberExpression" && parent.object === node && parent.computed !== true)
    return !refused.has(String((parent.property as Node).name));
  if (parent?.type !== "VariableDeclarator" || parent.init !== node) return false;
  const pattern = parent.id as Node;
  if (pattern.type !== "ObjectPattern") return false;
  return (pattern.properties as readonly Node[]).every(
    ({ type, computed, key }) => type === "Property" && computed !== true && !refused.has(String((key as Node).name)),
  );
}

function loadsModule(parent: Node | undefined): boolean {
  return [
    "ImportDeclaration",
    "ImportExpression",
    "ExportNamedDeclaration",
    "ExportAllDeclaration",
    "CallExpression",
  ].includes(parent?.type ?? "");
}

function isProcessType({ left, right }: Node): boolean {
  return (left as Node).name === "NodeJS" && (right as Node).name === "Process";
}

/** `Omit<NodeJS.Process, "env">`. */
function isWithoutEnvironment(reference?: Node, list?: Node, omit?: Node): boolean {
  if (reference?.type !== "TSTypeReference" || omit?.type !== "TSTypeReference") return false;
  if ((omit.typeName as Node).name !== "Omit") return false;
  const [, omitted] = (list?.params ?? []) as readonly Node[];
  return (omitted?.literal as Node | undefined)?.value === "env";
}

/** `process.env.NAME = …`. */
function isWrite(node: Node, [env, variable, assignment]: readonly Node[]): boolean {
  return (
    node.type === "Identifier" &&
    env?.type === "MemberExpression" &&
    (env.property as Node).name === "env" &&
    variable?.type === "MemberExpression" &&
    variable.object === env &&
    assignment?.type === "AssignmentExpression" &&
    assignment.operator === "=" &&
    assignment.left === variable
  );
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flatMap((value) => [value].flat())
    .filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}
