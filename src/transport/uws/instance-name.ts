/** Reads the name of the addressed instance from the path of a request. */

/** A name that no instance can have. A look-up of this name finds nothing. */
const nobody = "/";

/**
 * Decodes the name of an instance. Returns a name that no instance has when the text is missing, cannot be decoded, or
 * contains a NUL character, which the database does not accept.
 */
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
