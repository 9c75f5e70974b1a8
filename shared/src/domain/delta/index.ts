export { applyDelta, type ReadBase } from "./apply-delta.js";
export { DELTA_LIMITS, type DeltaBase } from "./delta-format.js";
export type { DeltaTools } from "./delta-tools.js";
export { ELEMENT_WIDTH, ELEMENTS, type Element } from "./elements.js";
export { type ByteSource, completeLayout, cutByContent, type Layout, MOST_STRETCHES, type Stretch } from "./layout.js";
export { makeDelta, PIECE_BYTES } from "./make-delta.js";
export type { LaidOutFile } from "./match-stretches.js";
export { type CreateHash, type Zstd, zstdTools } from "./zstd-tools.js";
