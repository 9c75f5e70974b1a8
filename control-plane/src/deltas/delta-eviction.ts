/** A difference that is kept, or the knowledge that there is none worth it. */
export interface KeptDelta {
  readonly deltaId: string;
  /** Bytes of its content; 0 where it has none. */
  readonly bytes: number;
  readonly usedAt: number;
}

/**
 * Which differences go, the least recently used first, so that not more are kept than may be. What has no content goes only where there are too
 * many altogether: it frees no bytes.
 */
export function evictions(
  kept: readonly KeptDelta[],
  limits: { readonly bytes: number; readonly count: number },
): readonly string[] {
  const oldest = [...kept].sort((a, b) => a.usedAt - b.usedAt || (a.deltaId < b.deltaId ? -1 : 1));
  const gone = oldest.splice(0, Math.max(0, oldest.length - limits.count)).map(({ deltaId }) => deltaId);
  let bytes = oldest.reduce((sum, delta) => sum + delta.bytes, 0);
  for (const delta of oldest) {
    if (bytes <= limits.bytes) break;
    if (delta.bytes === 0) continue;
    bytes -= delta.bytes;
    gone.push(delta.deltaId);
  }
  return gone;
}
