import { LIMITS } from "@sartor/shared/protocol";

/** Bounds of the inference endpoint, beside those of the protocol. */
export const HTTP_LIMITS = {
  /** Largest body of an inference request whose tensors are JSON: text costs the parser many times its size. */
  jsonBytes: 8 * 1024 * 1024,
  /** Deepest nesting of a request's JSON: a tensor of the highest rank, and what stands around it. */
  jsonDepth: LIMITS.tensorRank + 8,
  /** Most lists and objects in a request's JSON. */
  jsonContainers: 256 * 1024,
  /** Request bodies held at once, bytes, over all connections. */
  bodiesBytes: 96 * 1024 * 1024,
  /** Most open connections. */
  connections: 256,
  /** Longest time for a request's headers, and for the whole request, ms. */
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  /** Idle time after which a kept connection is closed, ms. */
  keepAliveTimeoutMs: 15_000,
  /** Headers of a request, bytes. */
  headerBytes: 16 * 1024,
  /** How long and how much of a refused body is thrown away before the connection is cut, so that the client sees the refusal. */
  lingerMs: 1_000,
  lingerBytes: 64 * 1024 * 1024,
  /** Longest `id` of a request, characters. */
  idCharacters: 256,
} as const;
