/** Turns a failure of the store into an error of the catalogue, which clients know. */

import { AppError, type Reason } from "../domain/errors.js";

/**
 * An error that the store took from the catalogue stays as it is. Any other error becomes the cause of an error with
 * `reason`.
 */
export async function failingAs<T>(reason: Reason, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw cause instanceof AppError ? cause : new AppError(reason, { cause });
  }
}
