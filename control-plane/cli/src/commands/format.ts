/** Three significant digits without an exponent: 0.191, 12.3, 480. */
export function shortNumber(value: number): string {
  if (value === 0) return "0";
  const decimals = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(decimals);
}

/** A share of 1 as percent: `98.90 %`. */
export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

/** A difference of shares in points with its sign: `-0.20 points`. */
export const points = (difference: number): string =>
  `${difference < 0 ? "" : "+"}${(difference * 100).toFixed(2)} points`;

/** Bytes for people: `712 B`, `650 KiB`, `2.54 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${shortNumber(bytes / 1024)} KiB`;
  return `${shortNumber(bytes / 1024 / 1024)} MiB`;
}

/** A duration for people: `40 s`, `3 min 20 s`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `1 thread`, `4 threads`. */
export const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

/** How a variant runs, in short: `int8-u8s8 on cpu, 2 threads, intra_op.allow_spinning=1`. */
export function runsAs(what: {
  readonly variant: string;
  readonly executionProvider: string;
  readonly intraOpThreads: number;
  readonly sessionConfig?: Readonly<Record<string, string>>;
}): string {
  const options = Object.entries(what.sessionConfig ?? {}).map(
    ([name, value]) => `, ${name.replace(/^session\./, "")}=${value}`,
  );
  return `${what.variant} on ${what.executionProvider}, ${counted(what.intraOpThreads, "thread")}${options.join("")}`;
}

/** Breaks text at spaces, so that no line is longer than `width` characters; every line begins with `indent`. */
export function wrapText(text: string, indent: string, width = 110): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line].join("\n");
}
