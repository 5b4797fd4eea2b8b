/** Keeps strings that repeat in messages. To compare the bytes with a known string costs a tenth of decoding them. */

export interface NameCache {
  /** Undefined when the bytes are not UTF-8. */
  read(bytes: Buffer, start: number, end: number): string | undefined;
}

interface Name {
  readonly bytes: Buffer;
  readonly text: string;
}

/** A longer string is not kept; it is decoded each time. */
const nameBytesMax = 64;

/** Keeps at most `slots` names, a power of two. The hash of a name's bytes chooses its one slot. */
export function createNameCache(slots: number): NameCache {
  const names: (Name | undefined)[] = Array(slots).fill(undefined);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  function decode(bytes: Buffer): string | undefined {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  }

  return {
    read(bytes, start, end) {
      const length = end - start;
      if (length > nameBytesMax) return decode(bytes.subarray(start, end));
      let hash = length;
      for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
      const slot = hash & (slots - 1);
      const known = names[slot];
      if (known !== undefined && isAt(known.bytes, bytes, start, end)) return known.text;
      const copy = Buffer.from(bytes.subarray(start, end));
      const text = decode(copy);
      if (text !== undefined) names[slot] = { bytes: copy, text };
      return text;
    },
  };
}

function isAt(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}
