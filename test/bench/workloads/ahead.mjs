/** How much is under way to each socket while throughput is measured, so that the load generator costs little. */

const largeBytes = 16 * 1024;
/**
 * It sleeps so long between two looks at its sockets: one read then takes what several writes brought. Of large frames
 * that would be 60 MB under way, more than any cache holds: the kernel then spends a quarter more on each.
 */
export const restUs = (size) => (size > largeBytes ? 2000 : 20_000);
/**
 * The same for eager systems, which have one burst under way: nothing is won by waiting, and Nchan was seen to spend a
 * third less on readers that acknowledge late.
 */
export const eagerRestUs = 1000;
/** So many bursts are under way to each socket, that the server has work while the generator sleeps. */
const burstsMax = 6;
const framesMax = 64;
const bytesMax = 256 * 1024;
/** Receive buffer of a reader: what is under way always fits, whatever the kernel counts on top. */
export const roomBytes = 4 * bytesMax;

/** In whole bursts, one at least. */
export function eventsAhead(burst, size) {
  const frames = Math.min(Math.max(framesMax, 2 * burst), bytesMax / size);
  return burst * Math.max(1, Math.min(burstsMax, Math.floor(frames / burst)));
}
