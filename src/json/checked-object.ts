/**
 * The bytes of a JSON object that our code has read to the end without an error. Code that gets a CheckedObject need
 * not check the text again.
 */

export class CheckedObject extends Uint8Array<ArrayBufferLike> {}
