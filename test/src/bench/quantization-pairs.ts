import { classificationReport, exactMcNemar } from "@sartor/onnx";
import { printTable } from "./table.js";

/** Classes that a variant of a network names, one a picture. */
export interface NamedClasses {
  readonly variant: string;
  readonly classes: readonly number[];
}

/** Pictures that only one of two variants gets right. */
export interface Discordant {
  readonly onlyOurs: number;
  readonly onlyTheirs: number;
}

/** Our variant beside another of the same network, picture by picture. */
export interface PairedVariants {
  readonly theirs: string;
  /** Right is what the picture's label says; absent where there are no labels. */
  readonly labels?: Discordant;
  /** Right is what the fp32 model says; absent where that is the other. */
  readonly fp32?: Discordant;
}

/**
 * Counts on which pictures our variant and each of the others differ in being right, by the labels and by the fp32 model.
 *
 * @throws RangeError where the lists differ in length
 */
export function pairVariants(
  ours: NamedClasses,
  others: readonly NamedClasses[],
  fp32: NamedClasses,
  labels: readonly number[] | undefined,
): PairedVariants[] {
  return others.map(({ variant, classes }) => ({
    theirs: variant,
    ...(labels === undefined ? {} : { labels: discordant(labels, ours.classes, classes) }),
    ...(variant === fp32.variant ? {} : { fp32: discordant(fp32.classes, ours.classes, classes) }),
  }));
}

/** Counts of several networks added up by the other variant's name. */
export function poolPairs(networks: readonly (readonly PairedVariants[])[]): PairedVariants[] {
  const pooled = new Map<string, PairedVariants>();
  for (const pair of networks.flat()) {
    const { labels, fp32 } = pooled.get(pair.theirs) ?? {};
    pooled.set(pair.theirs, {
      theirs: pair.theirs,
      ...(pair.labels === undefined ? {} : { labels: sum(pair.labels, labels) }),
      ...(pair.fp32 === undefined ? {} : { fp32: sum(pair.fp32, fp32) }),
    });
  }
  return [...pooled.values()];
}

/** Prints the counts with the exact McNemar test's two-sided p, which is not corrected for the number of rows. */
export function printPairs(title: string, pairs: readonly PairedVariants[]): void {
  const sides = ["only ours", "only theirs", "p"];
  printTable(
    title,
    ["theirs", ...sides.map((side) => `labels: ${side}`), ...sides.map((side) => `fp32: ${side}`)],
    pairs.map(({ theirs, labels, fp32 }) => [theirs, ...cells(labels), ...cells(fp32)]),
  );
}

function discordant(right: readonly number[], ours: readonly number[], theirs: readonly number[]): Discordant {
  const { onlyVariantRight, onlyReferenceRight } = classificationReport(right, theirs, ours, 0);
  return { onlyOurs: onlyVariantRight, onlyTheirs: onlyReferenceRight };
}

function sum(counts: Discordant, before: Discordant = { onlyOurs: 0, onlyTheirs: 0 }): Discordant {
  return { onlyOurs: counts.onlyOurs + before.onlyOurs, onlyTheirs: counts.onlyTheirs + before.onlyTheirs };
}

function cells(counts: Discordant | undefined): string[] {
  if (counts === undefined) return ["", "", ""];
  const { onlyOurs, onlyTheirs } = counts;
  return [String(onlyOurs), String(onlyTheirs), exactMcNemar(onlyOurs, onlyTheirs).toPrecision(2)];
}
