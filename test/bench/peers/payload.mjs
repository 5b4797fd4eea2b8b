/** The texts of the benchmark's events: every system sends the same bytes, an Eventwire frame of exactly the size asked for. */

import { eventTypes as known } from "../../../dist/src/domain/event-type.js";

/** The first ones only, so that results can be compared when a type was added. */
export const eventTypes = known.slice(0, 6);

/** Filters of the mixed workload as type bits, by instance number modulo 8. The load generator has the same list. */
const mixedMasks = [63, 1, 3, 7, 21, 42, 56, 63];

export const baseUrl = "https://wa.example.net";
export const instanceName = (number) => `i-${number}`;
export const instanceToken = (number) => `ti_bench_${String(number).padStart(6, "0")}`;

/** A record of the control channel: u32 instance, u32 turn, 12 digits of sequence, 20 digits of time. */
export const recordBytes = 40;
const sequence = [8, 20];
const time = [20, 40];

/**
 * @typedef {object} Shape
 * @property {number} size bytes of a whole frame
 * @property {number} instances
 * @property {boolean} [mixed] all these types and mixed filters; else one type and no filter
 * @property {boolean} [media] the size is made of raw media, in the frame as base64
 */

/** The types that an instance takes. */
export function filterOf(number, { mixed }) {
  const mask = mixed ? mixedMasks[number % 8] : 63;
  return eventTypes.filter((_, bit) => (mask >> bit) & 1);
}

/** @param {Shape} shape */
export function createPayloads(shape) {
  const cache = new Map();

  function typeOf(record) {
    if (shape.media) return "message.exchange";
    if (!shape.mixed) return "message.status";
    return eventTypes[Number(record.latin1Slice(...sequence)) % eventTypes.length];
  }

  function templates(number, type) {
    const key = `${number} ${type}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const made = makeTemplates(number, type, shape);
    cache.set(key, made);
    return made;
  }

  const of = (record) => templates(record.readUInt32LE(0), typeOf(record));
  return {
    typeOf,
    /** The whole frame. */
    frame: (record) => fill(of(record).frame, record),
    /** What a publisher hands to Eventwire: the data, and for media its raw bytes. */
    data: (record) => fill(of(record).data, record),
    media: (record) => of(record).media,
    /** The same frame as an object, for those that serialise themselves. */
    object(record) {
      const { type, number, pad } = of(record);
      const data = { seq: record.latin1Slice(...sequence), ts: record.latin1Slice(...time), pad };
      const instanceData = { baseUrl, instance: instanceName(number), token: instanceToken(number) };
      return { event: type, data, instanceData };
    },
  };
}

function makeTemplates(number, type, { size, media }) {
  const instanceData = JSON.stringify({ baseUrl, instance: instanceName(number), token: instanceToken(number) });
  const stamp = `"seq":"${"0".repeat(12)}","ts":"${"0".repeat(20)}"`;
  const frameOf = (data) => `{"event":"${type}","data":${data},"instanceData":${instanceData}}`;
  if (!media) {
    const pad = "x".repeat(Math.max(0, size - frameOf(`{${stamp},"pad":""}`).length));
    const data = `{${stamp},"pad":"${pad}"}`;
    return { type, number, pad, media: undefined, data: template(data), frame: template(frameOf(data)) };
  }
  const dataOf = (inline) =>
    `{${stamp},"message":{"id":"M1","media":{${inline}"type":"image","mimetype":"image/jpeg"}}}`;
  const room = size - frameOf(dataOf('"base64":"",')).length;
  const bytes = Buffer.alloc(Math.floor(room / 4) * 3, 0x5a);
  const frame = frameOf(dataOf(`"base64":"${bytes.toString("base64")}",`));
  return { type, number, pad: "", media: bytes, data: template(dataOf("")), frame: template(frame) };
}

function template(text) {
  const sequenceAt = text.indexOf('"seq":"') + '"seq":"'.length;
  const timeAt = text.indexOf('"ts":"') + '"ts":"'.length;
  return { bytes: Buffer.from(text), sequenceAt, timeAt };
}

function fill({ bytes, sequenceAt, timeAt }, record) {
  const filled = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(filled);
  record.copy(filled, sequenceAt, ...sequence);
  record.copy(filled, timeAt, ...time);
  return filled;
}
