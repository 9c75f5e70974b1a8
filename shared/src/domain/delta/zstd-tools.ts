import type { DeltaTools } from "./delta-tools.js";

/** 2^23 bytes: a piece and its dictionary both fit, and a device's decoder takes no more for its window. */
const WINDOW_LOG = 23;
const LEVEL = 19;

/** What {@link zstdTools} takes of `node:zlib`. */
export interface Zstd {
  readonly constants: {
    readonly ZSTD_c_compressionLevel: number;
    readonly ZSTD_c_windowLog: number;
    readonly ZSTD_d_windowLogMax: number;
  };
  zstdCompressSync(bytes: Uint8Array, options: ZstdOptions): Uint8Array;
  zstdDecompressSync(frame: Uint8Array, options: ZstdOptions & { maxOutputLength: number }): Uint8Array;
}

interface ZstdOptions {
  params: Record<number, number>;
  dictionary?: Uint8Array;
}

/** What {@link zstdTools} takes of `node:crypto`. */
export type CreateHash = (algorithm: "sha256") => { update(bytes: Uint8Array): unknown; digest(): Uint8Array };

/** Digests and zstd for differences, the same on both sides: this room imports no platform, so each hands in what its Node has. */
export function zstdTools(
  createHash: CreateHash,
  { constants, zstdCompressSync, zstdDecompressSync }: Zstd,
): DeltaTools {
  const withDictionary = (dictionary: Uint8Array | undefined) => (dictionary === undefined ? {} : { dictionary });
  const digester = () => {
    const hash = createHash("sha256");
    return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => hash.digest() };
  };
  return {
    digester,
    digest: (bytes) => {
      const hash = digester();
      hash.update(bytes);
      return hash.digest();
    },
    compress: (bytes, dictionary) =>
      zstdCompressSync(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
        ...withDictionary(dictionary),
      }),
    decompress: (frame, length, dictionary) =>
      zstdDecompressSync(frame, {
        maxOutputLength: length,
        params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG },
        ...withDictionary(dictionary),
      }),
  };
}
