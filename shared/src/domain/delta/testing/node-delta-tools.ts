import { createHash } from "node:crypto";
import zlib from "node:zlib";
import { zstdTools } from "../zstd-tools.js";

/** Those of Node 24, as both sides have them, for tests. */
export const nodeDeltaTools = zstdTools(createHash, zlib);
