import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { DeltaTools } from "../delta-tools.js";

/** 2^23 bytes: a piece and its dictionary both fit, and a device's decoder takes no more for its window. */
const WINDOW_LOG = 23;
const LEVEL = 19;

/** Digests and zstd of Node 24, as both sides have them, for tests. */
export const nodeDeltaTools: DeltaTools = {
  digest: (bytes) => createHash("sha256").update(bytes).digest(),
  digester: () => {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  },
  compress: (bytes, dictionary) =>
    zstdCompressSync(bytes, {
      params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
      ...(dictionary === undefined ? {} : { dictionary: Buffer.from(dictionary) }),
    }),
  decompress: (frame, length, dictionary) =>
    zstdDecompressSync(frame, {
      maxOutputLength: length,
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG },
      ...(dictionary === undefined ? {} : { dictionary: Buffer.from(dictionary) }),
    }),
};
