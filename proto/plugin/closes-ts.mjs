/** The close catalogue of the contract as a constant. */

export function closesTs({ closes }) {
  return [
    "/** Why the gateway ends connections. Generated from proto/; do not edit. */",
    "",
    "/** By the name of the reason, in the order of the contract. */",
    "export const closeCatalogue = {",
    ...closes.map(({ name, ...row }) => `  ${name}: ${JSON.stringify(row)},`),
    "} as const;",
  ].join("\n");
}
