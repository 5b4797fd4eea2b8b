/**
 * Sets the largest head of a request to uWebSockets. The library reads this variable once, when it is loaded. Its
 * default is 4 KiB, and cookies alone can be larger. So import this module before the library.
 */

/** The same limit as on the service port. Above it the library itself answers 431. */
const headBytesMax = 16 * 1024;

process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(headBytesMax);
