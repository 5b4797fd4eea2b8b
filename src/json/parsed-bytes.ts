/** The bound on what is parsed into objects. */

/** JSON.parse and the Protobuf library take up to 75 ms a megabyte: so much holds the event loop for 5 ms at most. */
export const parsedBytesMax = 64 * 1024;
