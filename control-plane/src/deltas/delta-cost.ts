import { type ChunkRef, DELTA_OFFER, type Digest } from "@sartor/shared/protocol";

/** Bytes of the chunks of a file that whoever holds the bases has to fetch: what the file costs without a difference. */
export function missingChunkBytes(target: readonly ChunkRef[], bases: readonly (readonly ChunkRef[])[]): number {
  const held = new Set<Digest>(bases.flatMap((chunks) => chunks.map(({ digest }) => digest)));
  let bytes = 0;
  for (const chunk of target) {
    if (held.has(chunk.digest)) continue;
    held.add(chunk.digest);
    bytes += chunk.bytes;
  }
  return bytes;
}

/**
 * The most bytes that a difference may have to be worth it.
 *
 * @param fullBytes of the whole file
 * @param chunkBytes as {@link missingChunkBytes}
 */
export function mostDeltaBytes(fullBytes: number, chunkBytes: number): number {
  const cheapest = Math.min(fullBytes, chunkBytes);
  return Math.max(0, Math.ceil(cheapest * DELTA_OFFER.largestShare) - 1);
}
