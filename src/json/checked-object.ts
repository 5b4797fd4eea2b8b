/** The text of a JSON object that was read to its end without an error: whoever gets one need not look again. */

export class CheckedObject extends Uint8Array<ArrayBufferLike> {}
