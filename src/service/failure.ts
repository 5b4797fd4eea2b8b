/** Gives a failure of the store the name that clients know. */

import { AppError, type Reason } from "../domain/errors.js";

/** What the store says in the catalogue's words stays; anything else becomes the cause of `reason`. */
export async function failingAs<T>(reason: Reason, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw cause instanceof AppError ? cause : new AppError(reason, { cause });
  }
}
