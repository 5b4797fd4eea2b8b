/** Turns a failure of the store into an error of the catalogue, which clients know. */

import { AppError, type Reason } from "../domain/errors.js";

/**
 * Waits for work of the store and returns its result. Rejects with the AppError of the work unchanged. Any other error
 * becomes the cause of an AppError with `reason`.
 */
export async function failingAs<T>(reason: Reason, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw cause instanceof AppError ? cause : new AppError(reason, { cause });
  }
}
