/** OpenAPI 3.1 of the REST routes: paths from the HTTP bindings, answers from the policies, texts from the comments. */

import { createJsonSchema } from "./json-schema.mjs";
import { upgradePath } from "./upgrade.mjs";

const phrases = {
  200: "OK",
  201: "Created",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

const rateHeaders = Object.fromEntries(
  ["Limit", "Remaining", "Reset"].map((name) => [
    `X-RateLimit-${name}`,
    { $ref: `#/components/headers/X-RateLimit-${name}` },
  ]),
);

export function openApi(contract) {
  const schemas = createJsonSchema(contract);
  const paths = {};
  for (const service of contract.services) {
    for (const method of service.methods) {
      if (method.binding === undefined) continue;
      for (const [at, binding] of [method.binding, ...method.furtherBindings].entries()) {
        const { path, verb } = binding;
        paths[path] ??= {};
        const operationId = at === 0 ? method.name : `${method.name}_${at + 1}`;
        paths[path][verb] = { ...operation(service, { ...method, binding }, schemas, contract.headerOf), operationId };
      }
    }
  }
  schemas.reference(contract.messages.find(({ name }) => name === "PlainFrame"));
  const isFromClient = ({ name }) => name === "ClientMessage";
  for (const frame of contract.frames) {
    if (isFromClient(frame)) schemas.clientReference(frame);
    else schemas.reference(frame);
  }
  Object.assign(paths, upgradePath(rateHeaders, errorResponses(contract.upgrade.errors, true), contract.eventTypes));
  return {
    openapi: "3.1.0",
    info: {
      title: "Eventwire",
      version: "v1",
      description: "The REST routes of the eventwire.v1 contract. Generated from proto/; do not edit.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://localhost:8080" }],
    tags: contract.services.map(({ name, comment }) => ({ name, description: comment })),
    paths,
    components: {
      securitySchemes,
      headers,
      schemas: { ...sorted(schemas.components), Error: errorSchema, Problem: problemSchema },
    },
  };
}

function operation(service, method, schemas, headerOf) {
  const { binding, policy, desc } = method;
  const query = binding.hasBody ? [] : desc.input.fields.filter((field) => !binding.variables.includes(field.name));
  const parameters = [
    ...binding.variables.map((name) => parameter(desc.input, name, "path", schemas)),
    ...query.map((field) => parameter(desc.input, field.name, "query", schemas)),
    ...desc.input.fields.filter(headerOf).map((field) => ({
      ...parameter(desc.input, field.name, "header", schemas),
      name: headerOf(field),
    })),
  ];
  return {
    operationId: method.name,
    tags: [service.name],
    summary: method.summary.split(/(?<=\.) /)[0],
    description: method.comment,
    security: policy.caller === "ANYONE" ? [] : [{ token: [] }, { bearer: [] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(binding.hasBody ? { requestBody: requestBody(method, schemas) } : {}),
    responses: responses(method, schemas),
  };
}

function parameter(message, name, place, schemas) {
  const field = message.fields.find((candidate) => candidate.name === name);
  const { description, ...schema } = schemas.requestSchema(message, []).properties[field.jsonName];
  return { name: field.jsonName, in: place, required: place === "path", description, schema };
}

function requestBody({ desc, binding }, schemas) {
  const schema = schemas.bodyReference(desc.input, binding.variables);
  return { required: true, content: { "application/json": { schema } } };
}

function responses(method, schemas) {
  const { policy, desc } = method;
  const limited = policy.bucket !== undefined;
  const content = { "application/json": { schema: schemas.reference(desc.output) } };
  return {
    [policy.successStatus]: {
      description: phrases[policy.successStatus],
      ...(limited ? { headers: rateHeaders } : {}),
      content,
    },
    ...(policy.caller === "ANYONE"
      ? // The one answer that is no envelope: a degraded node describes itself.
        { 503: { description: phrases[503], content } }
      : errorResponses(method.errors.filter(overRest(method)), limited)),
  };
}

/** Whether a method answers an error over REST: not where it is about a message, and no message comes. */
function overRest({ binding, desc }) {
  const { hasBody, variables } = binding;
  const hasFields = hasBody || desc.input.fields.some(({ name }) => !variables.includes(name));
  return ({ reason }) => {
    if (reason === "UNSUPPORTED_COMPRESSION") return false;
    if (reason === "INVALID_REQUEST_BODY") return hasFields;
    if (reason === "OVERLOADED") return hasBody;
    return true;
  };
}

/** By status. */
function errorResponses(errors, limited) {
  const statuses = [...new Set(errors.map(({ status }) => status))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      errorResponse(
        status,
        errors.filter((error) => error.status === status),
        limited,
      ),
    ]),
  );
}

function headerReference(name) {
  return { [name]: { $ref: `#/components/headers/${name}` } };
}

function errorResponse(status, errors, limited) {
  const schema = { $ref: "#/components/schemas/Error" };
  const examples = Object.fromEntries(
    errors.map(({ reason, message, meaning }) => [
      message,
      { summary: reason, description: meaning, value: { success: false, error: { message } } },
    ]),
  );
  return {
    description: phrases[status],
    headers: {
      ...(limited ? rateHeaders : {}),
      ...headerReference("Eventwire-Error"),
      ...(status === 429 || status === 503 ? headerReference("Retry-After") : {}),
    },
    content: {
      "application/json": { schema, examples },
      "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
    },
  };
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const securitySchemes = {
  token: { type: "apiKey", in: "header", name: "token", description: "A TokenAccount or TokenInstance." },
  bearer: {
    type: "http",
    scheme: "bearer",
    description: "The same token; the header `token` counts when both are sent.",
  },
  query: {
    type: "apiKey",
    in: "query",
    name: "token",
    description: "The same token; for upgrades only, and only while QUERY_TOKENS is `on`.",
  },
  ticket: {
    type: "apiKey",
    in: "query",
    name: "ticket",
    description: "A ticket in place of a token; for upgrades only. It counts once.",
  },
};

const headers = {
  "X-RateLimit-Limit": { description: "Calls per window. Absent when the limit is off.", schema: { type: "integer" } },
  "X-RateLimit-Remaining": { description: "Calls left in this window.", schema: { type: "integer" } },
  "X-RateLimit-Reset": { description: "End of this window in Unix seconds.", schema: { type: "integer" } },
  "Eventwire-Error": {
    description:
      'What was wrong: `<REASON>; field="<path>"; rule="<sentence>"`, the last two where they are known. It repeats nothing that was sent.',
    schema: { type: "string" },
  },
  "Retry-After": { description: "When to try again, in seconds.", schema: { type: "integer", minimum: 1 } },
};

const problemSchema = {
  type: "object",
  description:
    "RFC 9457, in place of the envelope where `Accept` prefers `application/problem+json` to `application/json`.",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    reason: { type: "string" },
    field: { type: "string" },
    rule: { type: "string" },
  },
  required: ["type", "title", "status", "detail", "reason"],
};

const errorSchema = {
  type: "object",
  description: "Every error looks like this.",
  properties: {
    success: { type: "boolean", const: false },
    error: { type: "object", properties: { message: { type: "string" } }, required: ["message"] },
  },
  required: ["success", "error"],
};
