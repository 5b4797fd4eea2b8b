/**
 * Counts the calls in the first bytes of an HTTP/2 connection before Node.js reads these bytes. Node.js makes a stream
 * for each call, which takes 30 µs each, before our code hears of the first call.
 */

/**
 * Length of the text with which an HTTP/2 connection begins: `PRI * HTTP/2.0`, two line ends, `SM`, two line ends (RFC
 * 9113, section 3.4).
 */
const prefaceBytes = 24;
const frameHeadBytes = 9;
const headersType = 1;

/** Counts the calls in the first bytes of an HTTP/2 connection. Each call begins with a frame of type HEADERS. */
export function countCalls(bytes: Buffer): number {
  let calls = 0;
  for (let at = prefaceBytes; at + frameHeadBytes <= bytes.length; at += frameHeadBytes + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === headersType) calls++;
  return calls;
}

/**
 * The bytes that refuse an HTTP/2 connection: an empty SETTINGS frame, with which every side must begin, and then
 * GOAWAY with the code ENHANCE_YOUR_CALM.
 */
export const goAwayCalm = Buffer.from("000000040000000000" + "000008070000000000" + "000000000000000b", "hex");
