/** What the platform gives: digests and zstd. Pure code gets them passed in. */
export interface DeltaTools {
  /** SHA-256 of the bytes, 32 bytes. */
  digest(bytes: Uint8Array): Uint8Array;
  /** SHA-256 of bytes that come one part after another. */
  digester(): { update(bytes: Uint8Array): void; digest(): Uint8Array };
  /** One zstd frame, made with the given content as a dictionary if there is one; window of at most 2^23 bytes. */
  compress(bytes: Uint8Array, dictionary?: Uint8Array): Uint8Array;
  /** The content of a frame. Must throw instead of giving, or holding, more than `length` bytes, and allow windows of 2^23 only. */
  decompress(frame: Uint8Array, length: number, dictionary?: Uint8Array): Uint8Array;
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
