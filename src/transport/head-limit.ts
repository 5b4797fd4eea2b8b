/**
 * How large the head of a request to uWebSockets may be. The library reads this variable once, when it is loaded, and takes
 * 4 KiB without it, which cookies alone can pass. So this module must be imported before the library.
 */

/** As on the service port. Above it the library answers 431 by itself. */
const headBytesMax = 16 * 1024;

process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(headBytesMax);
