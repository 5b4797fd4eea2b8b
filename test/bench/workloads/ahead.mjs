/** How much is under way to each socket while throughput is measured, so that the load generator costs little. */

const largeBytes = 16 * 1024;
/**
 * It sleeps so long between two looks at its sockets: one read then takes what several writes brought. Of large frames
 * that would be 60 MB under way, more than any cache holds: the kernel then spends a quarter more on each.
 */
export const restUs = (size) => (size > largeBytes ? 2000 : 40_000);
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
const framesMax = 128;
const bytesMax = 256 * 1024;
const smallBytesMax = bytesMax / 2;
/** Receive buffer of a reader: what is under way always fits, whatever the kernel counts on top. */
export const roomBytes = 4 * bytesMax;

/** In whole bursts, one at least. */
export function eventsAhead(burst, size) {
  const frames = Math.min(Math.max(framesMax, 2 * burst), (size > largeBytes ? bytesMax : smallBytesMax) / size);
  return burst * Math.max(1, Math.min(burstsMax, Math.floor(frames / burst)));
}
