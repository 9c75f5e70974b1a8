import { createHash } from "node:crypto";
import zlib from "node:zlib";
import { zstdTools } from "@sartor/shared/domain/delta";

/** Digests and zstd of Node 24 for differences. */
export const nodeDeltaTools = zstdTools(createHash, zlib);
