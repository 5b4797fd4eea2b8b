/** Makes the body of an answer whose bytes are all there from the start. */

export async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
