import type { Digest, GoldenTolerance, RuntimeSettings, VariantCard, VariantKind } from "@sartor/shared/protocol";

/** A variant whose content is stored. */
export interface BuiltVariant {
  readonly variantId: string;
  readonly versionId: string;
  readonly name: string;
  readonly kind: VariantKind;
  /** Digest and size of the model file, bytes. */
  readonly digest: Digest;
  readonly bytes: number;
  /** How it is run where no plan says otherwise. */
  readonly runtime: RuntimeSettings;
  /** Its own golden vectors, and what they must hold on a device; null: what the version's manifest says. */
  readonly goldenDigest: Digest;
  readonly golden: GoldenTolerance | null;
  /** Null for variants that an older release made, until they are measured. */
  readonly card: VariantCard | null;
}

/** A variant that can be rolled out and of which everything is known: what plans are made from. */
export interface OfferedVariant {
  readonly variantId: string;
  readonly name: string;
  readonly kind: VariantKind;
  readonly digest: Digest;
  readonly bytes: number;
  readonly runtime: RuntimeSettings;
  readonly golden: GoldenTolerance;
  readonly card: VariantCard;
}
