/**
 * Cuts a stream into pieces of one size; the last may be smaller. Holds one piece at a time.
 *
 * @param chunkBytes size of a piece, bytes
 */
export async function* cutChunks(content: AsyncIterable<Uint8Array>, chunkBytes: number): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const part of content) {
    for (let start = 0; start < part.byteLength; ) {
      const taken = part.subarray(start, start + chunkBytes - filled);
      piece.set(taken, filled);
      filled += taken.byteLength;
      start += taken.byteLength;
      if (filled === chunkBytes) {
        yield piece;
        piece = new Uint8Array(chunkBytes);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
