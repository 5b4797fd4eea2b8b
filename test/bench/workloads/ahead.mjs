/** How much is under way to each socket while throughput is measured, so that the load generator costs little. */

const largeBytes = 16 * 1024;
/**
 * It sleeps so long between two looks at its sockets: one read then takes what several writes brought. Where frames come
 * fast or are large, so long would be 50 MB under way, more than any cache holds: the kernel then spends a fifth more on
 * each.
 */
export const restUs = (size, burst) => (size > largeBytes ? 2000 : burst > 1 ? 10_000 : 40_000);
/**
 * Eager systems have one burst under way, so nothing is won by waiting; and Nchan leaves Nagle's algorithm on, so that
 * readers which acknowledge late get its frames late and cheaper. They are read as soon as something comes, as by any
 * client.
 */
export const eagerRestUs = 0;
/** Where bursts that are under way together would become one: the next is due when the last has arrived everywhere. */
export const mergingRestUs = 1000;
/** So many bursts are under way to each socket, that the server has work while the generator sleeps. */
const burstsMax = 12;
const framesMax = 32;
const bytesMax = 256 * 1024;
const smallBytesMax = 64 * 1024;
/** Receive buffer of a reader: what is under way always fits, whatever the kernel counts on top. */
export const roomBytes = 4 * bytesMax;

/** In whole bursts, one at least. */
export function eventsAhead(burst, size) {
  const frames = Math.min(Math.max(framesMax, 2 * burst), (size > largeBytes ? bytesMax : smallBytesMax) / size);
  return burst * Math.max(1, Math.min(burstsMax, Math.floor(frames / burst)));
}
