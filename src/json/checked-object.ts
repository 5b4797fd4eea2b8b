/** The text of a JSON object that was read to its end without an error. Code that gets one need not check it again. */

export class CheckedObject extends Uint8Array<ArrayBufferLike> {}
