/**
 * Writes JSON in its one canonical form (RFC 8785): keys sorted by UTF-16 code units, no spaces, numbers as ECMAScript
 * prints them; entries that are `undefined` are left out. The same value always gives the same bytes, so its digest can name it.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    const sorted: Record<string, unknown> = Object.create(null);
    for (const key of Object.keys(part).sort()) sorted[key] = (part as Record<string, unknown>)[key];
    return sorted;
  });
}
