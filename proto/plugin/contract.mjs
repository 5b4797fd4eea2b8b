/** The contract as the two documents need it: services, methods with their REST binding, policy, errors and comments. */

import { getOption, hasOption } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";

const callers = ["UNSPECIFIED", "ANYONE", "ACCOUNT", "ACCOUNT_OR_INSTANCE"];
const buckets = [undefined, "RATE_LIMIT_GLOBAL", "RATE_LIMIT_CREATE", "RATE_LIMIT_PUBLISH"];

/** @param {import("@bufbuild/protoplugin").Schema} schema */
export function createContract(schema, packageName) {
  // buf hands the files over in the order of their imports.
  const files = schema.files
    .filter((file) => file.proto.package === packageName)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const extensions = new Map(schema.allFiles.flatMap((file) => file.extensions).map((ext) => [ext.typeName, ext]));
  const option = (desc, name) => {
    const extension = extensions.get(name);
    return extension && hasOption(desc, extension) ? getOption(desc, extension) : undefined;
  };

  const toMethod = (desc) => {
    const policy = option(desc, `${packageName}.policy`);
    if (policy === undefined) throw new Error(`${desc.parent.typeName}.${desc.name} has no policy.`);
    return {
      desc,
      name: desc.name,
      ...splitComment(commentOf(desc)),
      binding: toBinding(option(desc, "google.api.http")),
      policy: {
        caller: callers[policy.caller],
        bucket: buckets[policy.bucket],
        successStatus: policy.successStatus || 200,
        carriesEvent: policy.carriesEvent,
      },
    };
  };

  return {
    services: files
      .flatMap((file) => file.services)
      .map((desc) => ({ desc, name: desc.name, comment: commentOf(desc), methods: desc.methods.map(toMethod) })),
    // Policies are written into the methods; nobody sends them.
    messages: files.filter((file) => file.services.length > 0).flatMap((file) => file.messages),
    rules: (field) => option(field, "buf.validate.field"),
    oneofRules: (oneof) => option(oneof, "buf.validate.oneof"),
    eventTypes: files
      .flatMap((file) => file.enums)
      .filter((desc) => desc.typeName === `${packageName}.EventType`)
      .flatMap((desc) => desc.values)
      .filter((value) => value.number !== 0)
      .map((value) => ({ name: option(value, `${packageName}.wire_name`), meaning: trailingCommentOf(value) })),
    isEventType: (field) => option(field, `${packageName}.is_event_type`) === true,
    rawJsonOf: (field) => option(field, `${packageName}.raw_json_of`) || undefined,
  };
}

/** Line breaks of the source are layout; empty lines are paragraphs. */
export function commentOf(desc) {
  const text = getComments(desc).leading ?? "";
  return text
    .split("\n")
    .map((line) => line.replace(/^ /, "").trimEnd())
    .join("\n")
    .trim()
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll("\n", " "))
    .join("\n\n");
}

function trailingCommentOf(desc) {
  return (getComments(desc).trailing ?? "").trim();
}

function toBinding(rule) {
  if (rule?.pattern.case === undefined) return undefined;
  const path = rule.pattern.value;
  return {
    verb: rule.pattern.case,
    path,
    variables: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    hasBody: rule.body === "*",
  };
}

/** The paragraph that starts with `Errors:` is data: canonical codes, each followed by the texts it comes with. */
function splitComment(comment) {
  const paragraphs = comment.split("\n\n");
  const errors = paragraphs.find((paragraph) => paragraph.startsWith("Errors:"));
  return { comment, summary: paragraphs[0] ?? "", errors: errors === undefined ? [] : readErrors(errors) };
}

const statusOf = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
};

function readErrors(paragraph) {
  const found = [];
  let status;
  for (const [, code, text, rest] of paragraph.matchAll(/\b([A-Z]+_[A-Z]+|[A-Z]{8,})\b|`([^`]+)`|\(REST: (\d{3})\)/g)) {
    if (code !== undefined) status = statusOf[code];
    if (rest !== undefined) status = Number(rest);
    if (text === undefined) continue;
    if (status === undefined) throw new Error(`Errors: no known code stands before \`${text}\`.`);
    found.push({ status, text });
  }
  return found;
}
