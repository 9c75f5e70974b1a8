/** Longest text that the inventory carries (shortTextSchema of the protocol). */
const SHORT_TEXT = 256;

/** Without surrounding blanks and NULs, cut to what the protocol carries; undefined when nothing is left. */
export function shortText(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is taken out here
  const text = value.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return text === "" ? undefined : text.slice(0, SHORT_TEXT);
}

/** A finite number, or undefined. Sensors answer with an empty line, `N/A` or nothing at all. */
export function numberFrom(value: string | undefined): number | undefined {
  const text = value?.trim();
  if (text === undefined || text === "") return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Text of a device-tree property: strings, each ended by a NUL (Devicetree Specification 2.2.4, `<stringlist>`). */
export function stringList(value: string | undefined): string[] {
  return (value ?? "").split("\0").flatMap((piece) => shortText(piece) ?? []);
}

/** `{ key: value }` without the keys whose value is undefined: absent and undefined differ in JSON schemas. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** Orders names with numbers in them as people do: thermal_zone2 before thermal_zone10. */
export const byNumber = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });
