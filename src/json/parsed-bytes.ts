/** The size of the largest text that our code parses into objects. */

/**
 * Largest text that is parsed into objects, in bytes. JSON.parse and the Protobuf library take up to 75 ms a megabyte,
 * so a text of this size holds the event loop for at most 5 ms.
 */
export const parsedBytesMax = 64 * 1024;
