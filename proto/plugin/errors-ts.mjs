/** The errors of the contract as constants: a list that code may have which knows nothing of Protobuf. */

export function errorsTs({ catalogue, services, upgrade }) {
  const methods = services.flatMap(({ desc, methods }) =>
    methods.map((method) => [`${desc.typeName}/${method.name}`, method]),
  );
  const batches = methods.filter(([, { refusals }]) => refusals.length > 0);
  return [
    "/** The errors that a client can see, and which route answers which. Generated from proto/; do not edit. */",
    "",
    "/** By reason, in the order of the contract. Names in braces in a message stand for values of the call. */",
    "export const catalogue = {",
    ...catalogue.map((error) => `  ${error.reason}: ${row(error)},`),
    "} as const;",
    "",
    "type Reasons = readonly (keyof typeof catalogue)[];",
    "",
    "/** What each route can answer: methods by their full names, and the upgrade. */",
    "export const answers = {",
    ...methods.map(([name, { errors }]) => `  ${JSON.stringify(name)}: ${reasons(errors)},`),
    `  "GET /ws/{instance}": ${reasons(upgrade.errors)},`,
    "} as const satisfies Record<string, Reasons>;",
    "",
    "/** Of methods that take batches: why one item may be refused while the call goes on. */",
    "export const refusals = {",
    ...batches.map(([name, method]) => `  ${JSON.stringify(name)}: ${reasons(method.refusals)},`),
    "} as const satisfies Record<string, Reasons>;",
  ].join("\n");
}

function row({ code, status, message, meaning }) {
  return `{ code: ${JSON.stringify(code)}, status: ${status}, message: ${JSON.stringify(message)}, meaning: ${JSON.stringify(meaning)} }`;
}

function reasons(errors) {
  return JSON.stringify(errors.map(({ reason }) => reason));
}
