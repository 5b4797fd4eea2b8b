/**
 * Sets the largest request head that uWebSockets accepts. uWebSockets reads the limit from an environment variable,
 * once, when it is loaded. So import this module before uWebSockets. The default of uWebSockets is 4 KiB, and cookies
 * alone can be larger.
 */

/** Largest request head in bytes, the same as on the service port. uWebSockets itself answers 431 to a larger head. */
const headBytesMax = 16 * 1024;

process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(headBytesMax);
