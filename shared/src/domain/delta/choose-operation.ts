import { BitEncoder } from "./bit-coder.js";
import type { BaseRange, Operation } from "./delta-format.js";
import type { DeltaTools } from "./delta-tools.js";
import { asIntegers, ELEMENT_WIDTH, type Element } from "./elements.js";
import { OperationCoder, type Run } from "./operation-coder.js";

/** A part of a piece, with the old content in memory. */
export interface Part {
  /** Place in the target. */
  readonly at: number;
  readonly content: Uint8Array;
  readonly element: Element;
  readonly old?: { readonly range: BaseRange; readonly content: Uint8Array };
}

/** An operation that makes a part. */
export interface Choice {
  readonly operation: Operation;
  readonly element: Element;
  /** What goes among the blobs. */
  readonly blob?: Uint8Array;
  readonly runs?: readonly Run[];
}

interface Candidate extends Choice {
  readonly cost: number;
}

/** Numbers are tried with zstd on a sample first: it is slow, and seldom wins on weights. */
const SAMPLE = 128 * 1024;
/** A part of bytes shorter than this is not tried as a row of floats. */
const LEAST_FLOATS = 4096;
/** Unchanged elements between two runs that are cheaper to send again than to skip: a gap costs about two bytes. */
const BRIDGED_BYTES = 2;

/** The cheapest way to make a part, by trying them. */
export function chooseOperation(part: Part, tools: DeltaTools): Choice {
  const { content, old, element } = part;
  const beside = old !== undefined && old.content.length === content.length ? old.content : undefined;
  if (beside !== undefined && equal(content, beside)) return { operation: "copy", element };
  const candidates: Candidate[] = [{ operation: "stored", element, blob: content, cost: content.length }];
  for (const kind of elementsOf(part)) {
    candidates.push(costOf(part, { operation: "plain", element: kind }));
    if (beside === undefined) continue;
    candidates.push(costOf(part, { operation: "differences", element: kind }));
    const runs = runsOf(content, beside, kind);
    if (runs !== undefined) candidates.push(costOf(part, { operation: "patch", element: kind, runs }));
  }
  const best = Math.min(...candidates.map(({ cost }) => cost));
  if (element === "bytes" || content.length <= SAMPLE || zstdMayWin(part, best / content.length, tools)) {
    candidates.push(...packed(part, tools));
  }
  return candidates.reduce((cheapest, next) => (next.cost < cheapest.cost ? next : cheapest));
}

/** As which numbers a part is tried: bytes may be floats of a format that nobody told us. */
function elementsOf({ element, content, at, old }: Part): Element[] {
  const whole = content.length % ELEMENT_WIDTH[element] === 0;
  if (element !== "bytes") return whole ? [element] : ["bytes"];
  const floats = content.length >= LEAST_FLOATS && content.length % 4 === 0 && at % 4 === 0;
  return floats && (old === undefined || old.range.offset % 4 === 0) ? ["bytes", "float32"] : ["bytes"];
}

function zstdMayWin(part: Part, bestRate: number, tools: DeltaTools): boolean {
  const from = Math.floor((part.content.length - SAMPLE) / 2);
  const sample = part.content.subarray(from, from + SAMPLE);
  return tools.compress(sample).length < bestRate * sample.length;
}

function packed({ content, element, old }: Part, tools: DeltaTools): Candidate[] {
  const plain = tools.compress(content);
  const candidates: Candidate[] = [{ operation: "zstd", element, blob: plain, cost: plain.length + 2 }];
  if (old === undefined) return candidates;
  try {
    const blob = tools.compress(content, old.content);
    // Old content that looks like a trained dictionary may be taken for one; only what comes back whole is offered.
    if (equal(tools.decompress(blob, content.length, old.content), content)) {
      candidates.push({ operation: "zstd-dictionary", element, blob, cost: blob.length + 5 });
    }
  } catch {
    return candidates;
  }
  return candidates;
}

function costOf(part: Part, choice: Choice): Candidate {
  const encoder = new BitEncoder();
  writeNumbers(new OperationCoder(encoder), part, choice);
  return { ...choice, cost: encoder.size };
}

/** Writes the body of an operation on numbers, without its head. */
export function writeNumbers(coder: OperationCoder, part: Part, { operation, element, runs }: Choice): void {
  const values = asIntegers(new Uint8Array(part.content), element);
  if (operation === "plain") coder.numbers.plain(element, values, 0, values.length);
  else if (operation === "differences" && part.old !== undefined) {
    coder.numbers.differences(element, values, asIntegers(part.old.content, element), 0, values.length);
  } else if (operation === "patch" && runs !== undefined) {
    coder.runCount(runs.length);
    let at = 0;
    for (const run of runs) {
      coder.run(run);
      coder.numbers.plain(element, values, at + run.gap, at + run.gap + run.length);
      at += run.gap + run.length;
    }
  }
}

/** Where the elements differ; undefined where most do, so that a patch would only be longer. */
function runsOf(content: Uint8Array, old: Uint8Array, element: Element): Run[] | undefined {
  const [now, before] = [asIntegers(content, element), asIntegers(old, element)];
  const bridged = Math.floor(BRIDGED_BYTES / ELEMENT_WIDTH[element]);
  const runs: Run[] = [];
  let changed = 0;
  let end = 0;
  for (let i = 0; i < now.length; i++) {
    if (now[i] === before[i]) continue;
    changed++;
    const last = runs.at(-1);
    if (last !== undefined && i - end <= bridged) last.length += i + 1 - end;
    else runs.push({ gap: i - end, length: 1 });
    end = i + 1;
  }
  return changed > now.length * 0.9 ? undefined : runs;
}

/** Whether two rows of bytes are the same. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
