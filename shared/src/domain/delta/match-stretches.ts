import { type DeltaTools, toHex } from "./delta-tools.js";
import { ELEMENT_WIDTH, type Element } from "./elements.js";
import type { ByteSource, Layout, Stretch } from "./layout.js";

/** A file with its layout. */
export interface LaidOutFile {
  readonly source: ByteSource;
  readonly layout: Layout;
}

/** A part of the target and what it is likely to resemble. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
  readonly element: Element;
  /**
   * Undefined where nothing resembles it. `length` is that of the old content: where it is the segment's, the two stand byte
   * beside byte, else the old content is only a dictionary.
   */
  readonly old?: { readonly base: number; readonly offset: number; readonly length: number };
}

interface Found {
  readonly base: number;
  readonly stretch: Stretch;
  /** By digest, not only by name. */
  readonly same: boolean;
}

const READ_AT_ONCE = 1 << 20;

/**
 * Finds for each stretch of the target the old content that it came from: by name, by digest anywhere in the bases (a tensor
 * that moved or was renamed), else what stands in the base between the neighbours that were found.
 */
export async function matchStretches(
  target: LaidOutFile,
  bases: readonly LaidOutFile[],
  tools: DeltaTools,
): Promise<Segment[]> {
  const byName = new Map<string, Found & { digest: string }>();
  const byDigest = new Map<string, Found>();
  for (const [base, file] of bases.entries()) {
    for (const stretch of file.layout) {
      const digest = await digestOf(file.source, stretch, tools);
      const found = { base, stretch, same: true };
      if (stretch.name !== "" && !byName.has(stretch.name)) byName.set(stretch.name, { ...found, digest });
      if (!byDigest.has(digest)) byDigest.set(digest, found);
    }
  }
  const found: (Found | undefined)[] = [];
  for (const stretch of target.layout) {
    const digest = await digestOf(target.source, stretch, tools);
    const named = stretch.name === "" ? undefined : byName.get(stretch.name);
    const same = named?.digest === digest ? named : byDigest.get(digest);
    found.push(same ?? (named?.stretch.element === stretch.element ? { ...named, same: false } : undefined));
  }
  return segmentsOf(target.layout, found, bases);
}

function segmentsOf(layout: Layout, found: readonly (Found | undefined)[], bases: readonly LaidOutFile[]): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i < layout.length; i++) {
    const stretch = layout[i] as Stretch;
    const match = found[i];
    if (match !== undefined) {
      segments.push(...besides(stretch, match));
      continue;
    }
    let last = i;
    if (stretch.element === "bytes") {
      while (last + 1 < layout.length && found[last + 1] === undefined && layout[last + 1]?.element === "bytes") last++;
    }
    const end = layout[last] as Stretch;
    const length = end.offset + end.length - stretch.offset;
    const old = between(i === 0 ? undefined : found[i - 1], found[last + 1], last + 1 === layout.length, bases);
    const segment = { offset: stretch.offset, length, element: stretch.element };
    segments.push(old === undefined ? segment : { ...segment, old });
    i = last;
  }
  return segments;
}

/** A stretch beside the one of its name: where one is longer, the rest of a tensor is new. */
function besides(stretch: Stretch, { base, stretch: old }: Found): Segment[] {
  const { offset, length, element } = stretch;
  const whole = { base, offset: old.offset, length: old.length };
  if (old.length === length || element === "bytes") return [{ offset, length, element, old: whole }];
  const common = Math.min(length, old.length);
  const aligned = common - (common % ELEMENT_WIDTH[element]);
  if (aligned === 0) return [{ offset, length, element }];
  const segments: Segment[] = [{ offset, length: aligned, element, old: { ...whole, length: aligned } }];
  if (aligned < length) segments.push({ offset: offset + aligned, length: length - aligned, element });
  return segments;
}

/** What stands in the base between two neighbours. */
function between(
  before: Found | undefined,
  after: Found | undefined,
  isLast: boolean,
  bases: readonly LaidOutFile[],
): Segment["old"] {
  const base = before?.base ?? after?.base ?? 0;
  const file = bases[base];
  if (file === undefined || (after !== undefined && after.base !== base)) return undefined;
  const start = before === undefined ? 0 : before.stretch.offset + before.stretch.length;
  const end = after !== undefined ? after.stretch.offset : isLast ? file.source.length : start;
  return end > start ? { base, offset: start, length: end - start } : undefined;
}

async function digestOf(source: ByteSource, { offset, length }: Stretch, tools: DeltaTools): Promise<string> {
  const digester = tools.digester();
  for (let done = 0; done < length; done += READ_AT_ONCE) {
    digester.update(await source.read(offset + done, Math.min(READ_AT_ONCE, length - done)));
  }
  return toHex(digester.digest());
}
