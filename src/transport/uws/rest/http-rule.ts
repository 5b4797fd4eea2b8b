/** Reads the REST routes of the contract from the `google.api.http` options of the methods. */

import {
  type DescField,
  type DescMethod,
  type DescMethodUnary,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { type Policy, policy } from "../../../../gen/eventwire/v1/policy_pb.js";
import { http } from "../../../../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../../../../gen/google/api/http_pb.js";

export interface Route {
  readonly method: DescMethodUnary;
  readonly policy: Policy;
  readonly verb: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path in the form that uWebSockets takes, such as `/ws/:instance`. */
  readonly pattern: string;
  /**
   * The field that the variable of the path fills: the name of the addressed instance. Undefined when the path has no
   * variable.
   */
  readonly variable: DescField | undefined;
  /** Whether the option says `body: "*"`. Then the body fills the other fields. Otherwise the query fills them. */
  readonly hasBody: boolean;
}

const verbs = { get: "GET", post: "POST", put: "PUT", patch: "PATCH", delete: "DELETE" } as const;

/**
 * Makes the routes of all methods that have a `google.api.http` option. Throws when an option asks for more than this
 * code can do.
 */
export function compileRoutes(methods: Iterable<DescMethod>): Route[] {
  const routes: Route[] = [];
  for (const method of methods) {
    if (!hasOption(method, http)) continue;
    const rule = getOption(method, http);
    if (!isUnary(method)) throw unsupported(method, "a stream");
    if (rule.responseBody !== "") throw unsupported(method, "response_body");
    for (const binding of [rule, ...rule.additionalBindings]) routes.push(compileRoute(method, binding));
  }
  return routes;
}

function compileRoute(method: DescMethodUnary, rule: HttpRule): Route {
  const { pattern, body } = rule;
  if (pattern.case === undefined || pattern.case === "custom") throw unsupported(method, "a verb of its own");
  if (body !== "" && body !== "*") throw unsupported(method, "a body that is one field");
  if (!/^(\/([\w.-]+|\{\w+\}))+$/.test(pattern.value)) throw unsupported(method, `the path ${pattern.value}`);
  const names = [...pattern.value.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  // A path may have only the variable `{instance}`, because `Api.call` looks for the instance before the body is read.
  if (names.length > 1 || (names[0] ?? "instance") !== "instance") {
    throw unsupported(method, "a path variable other than {instance}");
  }
  const variable = method.input.fields.find((field) => field.name === names[0]);
  if (names.length === 1 && !isString(variable)) throw unsupported(method, "a path variable that is no string field");
  const route: Route = {
    method,
    policy: getOption(method, policy),
    verb: verbs[pattern.case],
    pattern: pattern.value.replace(/\{(\w+)\}/g, ":$1"),
    variable,
    hasBody: body === "*",
  };
  if (!queryFields(route).every(isQueryField)) {
    throw unsupported(
      method,
      "a query parameter that is neither a string, nor an integer of 32 bits, nor a list of strings",
    );
  }
  return route;
}

/** Returns the fields that query parameters may fill. */
export function queryFields({ method, variable, hasBody }: Route): DescField[] {
  return hasBody ? [] : method.input.fields.filter((field) => field !== variable);
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

export function isString(field: DescField | undefined): boolean {
  return field?.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
}

/** Whether a field can be filled from the text of a query parameter, or of several parameters with the same name. */
function isQueryField(field: DescField): boolean {
  return isString(field) || isStringList(field) || (field.fieldKind === "scalar" && integers.has(field.scalar));
}

export function isStringList(field: DescField): boolean {
  return field.fieldKind === "list" && field.listKind === "scalar" && field.scalar === ScalarType.STRING;
}

const integers: ReadonlySet<ScalarType> = new Set([ScalarType.INT32, ScalarType.UINT32]);

function unsupported(method: DescMethod, what: string): Error {
  return new Error(`The google.api.http option of ${method.parent.typeName}.${method.name} asks for ${what}.`);
}
