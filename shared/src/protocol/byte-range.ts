/** What a `Range` header asks for, of content with a known length. */
export type RangeAnswer =
  /** No range, or one that may be ignored: the whole content. */
  | { readonly kind: "whole" }
  /** From `start` to `end`, both included. */
  | { readonly kind: "part"; readonly start: number; readonly end: number }
  | { readonly kind: "unsatisfiable" };

/**
 * Reads a `Range` header (RFC 9110, section 14.2). Other units, malformed headers and several ranges at once are ignored, as that standard
 * allows: the answer is then the whole content.
 *
 * @param totalBytes length of the content, bytes
 */
export function parseByteRange(header: string | undefined, totalBytes: number): RangeAnswer {
  const [, first, last] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return { kind: "whole" };
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0 || totalBytes === 0) return { kind: "unsatisfiable" };
    return { kind: "part", start: Math.max(0, totalBytes - suffix), end: totalBytes - 1 };
  }
  const start = Number(first);
  const end = last === "" ? totalBytes - 1 : Math.min(Number(last), totalBytes - 1);
  if (last !== "" && Number(last) < start) return { kind: "whole" };
  return start < totalBytes ? { kind: "part", start, end } : { kind: "unsatisfiable" };
}
