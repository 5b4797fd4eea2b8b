/** The name of the instance that a path addresses. */

/** A name that no instance can have. It is looked up like any other name and found nowhere. */
const nobody = "/";

/** Text that cannot be decoded, and text with a NUL, which the database does not take, become that name. */
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
