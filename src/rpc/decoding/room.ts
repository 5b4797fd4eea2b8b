/**
 * The memory for data that is made from one request, such as its decompressed message. It is part of a budget that all
 * requests share.
 */

export interface Room {
  /**
   * Takes `bytes` from the budget until the request is answered. When the budget has not so many bytes left, takes none
   * and returns false.
   */
  grow(bytes: number): boolean;
  /** Gives `bytes` back to the budget when they are no longer needed, although the request is not answered yet. */
  shrink(bytes: number): void;
}
