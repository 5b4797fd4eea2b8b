/** Memory for what is made of a request, such as its decompressed message: a part of a budget that all requests share. */

export interface Room {
  /** False: there is no room for so many more bytes, and nothing has changed. They count until the request is answered. */
  grow(bytes: number): boolean;
  /** Gives back what is needed no more before that. */
  shrink(bytes: number): void;
}
