import { z } from "zod";
import { type Digest, digestSchema } from "./primitives.js";

/** Content type of a difference; docs/deltas.md says what is in one. */
export const DELTA_MEDIA_TYPE = "application/vnd.sartor.delta";

/** What holds for the differences that the control plane offers. */
export const DELTA_OFFER = {
  /** Most files that a device may name as what it holds. */
  bases: 4,
  /** A difference is offered only below this share of the bytes of the cheapest other way, the file's missing chunks. */
  largestShare: 0.8,
} as const;

/**
 * What a device says that it holds: digests of files of bundles. Sorted and without repetition, and nothing else may stand in the query, so
 * that one difference has one address and any cache on the way keeps it once.
 */
export const deltaQuerySchema = z.strictObject({
  base: z.preprocess(
    (value) => (typeof value === "string" ? [value] : value),
    z
      .array(digestSchema)
      .min(1)
      .max(DELTA_OFFER.bases)
      .refine(
        (bases) => bases.every((base, index) => index === 0 || (bases[index - 1] as Digest) < base),
        "expected each base once, in their order",
      ),
  ),
});

/** 202: the difference is not there yet. */
export const deltaPendingSchema = z
  .object({
    status: z.enum(["waiting", "making"]),
    /** As the header `Retry-After` says, s. */
    retryAfterSeconds: z.number().int().min(1),
  })
  .meta({ id: "DeltaPending" });
export type DeltaPending = z.infer<typeof deltaPendingSchema>;

/** Why no difference is offered; none of these changes soon. */
export const DELTA_REFUSALS = ["not_worth_it", "could_not_be_made", "switched_off"] as const;
export type DeltaRefusal = (typeof DELTA_REFUSALS)[number];

/** Details of SRT_DELTA_NOT_OFFERED. */
export const deltaRefusalSchema = z.object({
  reason: z.enum(DELTA_REFUSALS),
  /** Bytes of the whole file. */
  fullBytes: z.number().int().min(0),
  /** Bytes of the file's chunks that the bases lack; null where it was not counted. */
  chunkBytes: z.number().int().min(0).nullable(),
});

/** Address of a difference, under the device's HTTP address; the bases may come in any order. */
export function deltaPath(bundleId: Digest, file: Digest, bases: readonly Digest[]): string {
  const query = [...new Set(bases)].sort().map((base) => `base=${base}`);
  return `/api/v1/bundles/${bundleId}/files/${file}/delta?${query.join("&")}`;
}

/** A file of a bundle, as far as its name and content. */
export interface NamedFile {
  readonly name: string;
  readonly digest: Digest;
}

/**
 * The bases that a device names for a file: the files of the same name in the bundle of its active slot (the other slot makes room for the new
 * bundle). Both sides keep to this, so that devices that run the same ask for the same difference, and the control plane can make it before they do.
 *
 * @param held the files of each bundle that the device holds whole and keeps
 * @returns sorted; none where nothing of that name is held, or the file itself is: then no difference is asked for
 */
export function deltaBases(file: NamedFile, held: readonly (readonly NamedFile[])[]): Digest[] {
  const files = held.flat();
  if (files.some(({ digest }) => digest === file.digest)) return [];
  const bases = new Set(files.filter(({ name }) => name === file.name).map(({ digest }) => digest));
  return [...bases].sort().slice(0, DELTA_OFFER.bases);
}
