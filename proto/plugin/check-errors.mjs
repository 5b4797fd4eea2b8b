/** The errors that no policy repeats, since the checks before a method answer them: what follows from policy and request. */

/** Of every request. */
const ofEveryRequest = ["INVALID_REQUEST", "INTERNAL"];
/** Of one that brings a message. */
const ofMessages = ["INVALID_REQUEST_BODY", "UNSUPPORTED_COMPRESSION", "OVERLOADED"];
/** Where a token is read. */
const ofTokens = ["INVALID_TOKEN", "GET_INSTANCE_FAILED", "OUT_OF_DATE"];

/** `message`: whether the call brings one. `instance`: whether it addresses one. */
export function checkErrors({ caller, bucket }, { message, instance }) {
  const open = caller === "ANYONE";
  return [
    ...ofEveryRequest,
    ...(message ? ofMessages : []),
    ...(open ? [] : ofTokens),
    ...(bucket === undefined ? [] : ["RATE_LIMITED"]),
    ...(instance && !open ? ["INSTANCE_NOT_FOUND"] : []),
    ...(instance && caller === "ACCOUNT_OR_INSTANCE" ? ["INSTANCE_MISMATCH"] : []),
  ];
}
