/** The name of the instance that a path addresses. */

/** No instance can have it, so that what addresses nobody is looked up like any other name. */
const nobody = "/";

/** Undecodable text, and a NUL, which the database does not take, are names that nobody has. */
export function instanceName(encoded: string | undefined): string {
  if (encoded === undefined) return nobody;
  if (!encoded.includes("%")) return encoded;
  try {
    const name = decodeURIComponent(encoded);
    return name.includes("\0") ? nobody : name;
  } catch {
    return nobody;
  }
}
