/** The contract as what is generated needs it: services, methods with their REST binding, policy, errors and comments. */

import { getOption, hasOption } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";
import { checkErrors } from "./check-errors.mjs";

const callers = ["UNSPECIFIED", "ANYONE", "ACCOUNT", "ACCOUNT_OR_INSTANCE"];
const buckets = [undefined, "RATE_LIMIT_GLOBAL", "RATE_LIMIT_CREATE", "RATE_LIMIT_PUBLISH"];
const bodyLimits = ["64 KiB", "`PUBLISH_MAX_BYTES`"];
const reasonPrefix = "REASON_";
/** The file with the frames of the consumer protocol. */
const framesFile = "eventwire/v1/frame";
const closePrefix = "CLOSE_REASON_";

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

  /** Without the one that means that nothing is set. */
  const enumValues = (name) =>
    files
      .flatMap((file) => file.enums)
      .filter((desc) => desc.typeName === `${packageName}.${name}`)
      .flatMap((desc) => desc.values)
      .filter((value) => value.number !== 0);

  const catalogue = enumValues("Reason").map((value) => toError(value, option(value, `${packageName}.problem`)));

  /** The errors of these numbers and these names, in the order of the catalogue. */
  const pick = (numbers, names = []) => {
    const twice = catalogue.find(({ number, reason }) => numbers.includes(number) && names.includes(reason));
    if (twice !== undefined) throw new Error(`A policy repeats ${twice.reason}, which the checks before it answer.`);
    return catalogue.filter(({ number, reason }) => numbers.includes(number) || names.includes(reason));
  };

  const toClose = (value) => {
    const { code, reason, reconnect, status, refusals } = option(value, `${packageName}.close`) ?? {};
    if (!code || !reason) throw new Error(`${value.name} has no (close) with code and reason.`);
    const name = value.name.slice(closePrefix.length);
    const refused = pick(refusals).map((error) => error.reason);
    return { name, code, reason, reconnect, status, refusals: refused, meaning: commentOf(value) };
  };

  const toPolicy = ({ caller, bucket, successStatus, bodyLimit }) => ({
    caller: callers[caller],
    bucket: buckets[bucket],
    successStatus: successStatus || 200,
    bodyLimit: bodyLimits[bodyLimit],
  });

  const toMethod = (desc) => {
    const stated = option(desc, `${packageName}.policy`);
    if (stated === undefined) throw new Error(`${desc.parent.typeName}.${desc.name} has no policy.`);
    const policy = toPolicy(stated);
    const comment = commentOf(desc);
    return {
      desc,
      name: desc.name,
      comment,
      summary: comment.split("\n\n")[0] ?? "",
      binding: toBinding(option(desc, "google.api.http")),
      /** Further routes, which do the same. */
      furtherBindings: (option(desc, "google.api.http")?.additionalBindings ?? []).map(toBinding),
      policy,
      errors: pick(stated.errors, checkErrors(policy, { message: true, instance: "instance" in desc.input.field })),
      refusals: pick(stated.refusals),
    };
  };

  /** The route that is no method. */
  const toUpgrade = (stated) => {
    const policy = toPolicy(stated);
    return { policy, errors: pick(stated.errors, checkErrors(policy, { message: false, instance: true })) };
  };

  const services = files.flatMap((file) => file.services);
  const upgrade = services.map((desc) => option(desc, `${packageName}.upgrade`)).find((stated) => stated !== undefined);
  if (upgrade === undefined) throw new Error("No service has the policy of the upgrade.");
  return {
    catalogue,
    services: services.map((desc) => ({
      desc,
      name: desc.name,
      comment: commentOf(desc),
      methods: desc.methods.map(toMethod),
    })),
    upgrade: toUpgrade(upgrade),
    closes: enumValues("CloseReason").map(toClose),
    frames: files.filter((file) => file.name === framesFile).flatMap((file) => file.messages),
    // Policies are written into the methods; nobody sends them.
    messages: files
      .filter((file) => file.services.length > 0 || file.name === framesFile)
      .flatMap((file) => file.messages),
    rules: (field) => option(field, "buf.validate.field"),
    oneofRules: (oneof) => option(oneof, "buf.validate.oneof"),
    eventTypes: enumValues("EventType").map((value) => ({
      name: option(value, `${packageName}.wire_name`),
      meaning: trailingCommentOf(value),
    })),
    isEventType: (field) => option(field, `${packageName}.is_event_type`) === true,
    headerOf: (field) => option(field, `${packageName}.header`) || undefined,
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

function toError(value, problem) {
  const { code, status, message } = problem ?? {};
  if (!code || !status || !message) throw new Error(`${value.name} has no (problem) with code, status and message.`);
  const reason = value.name.slice(reasonPrefix.length);
  return { number: value.number, reason, code, status, message, meaning: commentOf(value) };
}
