/**
 * Uniform numbers in [0, 1) that depend on the text alone, so that the same measurements give the same interval wherever and whenever
 * they are looked at again. The text is hashed by FNV-1a (32 bits), the generator is mulberry32.
 * Sources: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm"; T. Ettinger, mulberry32 (public domain, 2017).
 */
export function seededRandom(text: string): () => number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
