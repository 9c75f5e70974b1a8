import {
  bundleTargetPath,
  type Digest,
  type ImageTargetCustom,
  imageTargetCustomSchema,
  TRUST_LIMITS,
  type VariantKind,
} from "@sartor/shared/protocol";
import { TargetFile, Targets } from "@tufjs/models";
import { hardwareOfKind } from "./hardware-of-kind.js";
import { SPEC_VERSION } from "./metadata.js";

/** A bundle as it is to be signed. */
export interface BundleToSign {
  readonly bundleId: Digest;
  readonly model: string;
  readonly version: string;
  readonly variant: { readonly name: string; readonly kind: VariantKind };
  readonly manifestBytes: number;
  readonly totalBytes: number;
  readonly releaseCounter: number;
}

/** A bundle's target: its manifest, byte for byte, and what a device must know before it fetches it. */
export function bundleTarget(bundle: BundleToSign): TargetFile {
  const custom: ImageTargetCustom = {
    schemaVersion: 1,
    bundleId: bundle.bundleId,
    model: bundle.model,
    version: bundle.version,
    variant: { name: bundle.variant.name, kind: bundle.variant.kind },
    hardware: [...hardwareOfKind(bundle.variant.kind).hardware],
    releaseCounter: bundle.releaseCounter,
    totalBytes: bundle.totalBytes,
  };
  return new TargetFile({
    path: bundleTargetPath(bundle),
    length: bundle.manifestBytes,
    hashes: { sha256: bundle.bundleId.replace(/^sha256:/, "") },
    unrecognizedFields: { custom },
  });
}

/** What a bundle's target says; undefined where it does not fit. */
export function customOf(target: TargetFile): ImageTargetCustom | undefined {
  const parsed = imageTargetCustomSchema.safeParse(target.custom);
  return parsed.success ? parsed.data : undefined;
}

/**
 * What a family's role shall say: what it says already, and the bundles that are offered now. At most as many targets as clients take:
 * those with the lowest release counters make room.
 */
export function planFamilyTargets(
  published: Targets | undefined,
  offered: readonly BundleToSign[],
): { readonly targets: readonly TargetFile[]; readonly dropped: number } {
  const byPath = new Map(Object.entries(published?.targets ?? {}));
  for (const bundle of offered) {
    const target = bundleTarget(bundle);
    byPath.set(target.path, target);
  }
  const counter = (target: TargetFile) => customOf(target)?.releaseCounter ?? 0;
  const newestFirst = [...byPath.values()].sort((a, b) => counter(b) - counter(a) || (a.path < b.path ? -1 : 1));
  const kept = newestFirst.slice(0, TRUST_LIMITS.targetsARole);
  kept.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { targets: kept, dropped: newestFirst.length - kept.length };
}

/** Whether targets say the same, whatever their version and end. */
export function saysTheSame(one: Targets | undefined, targets: readonly TargetFile[]): boolean {
  const own = Object.values(one?.targets ?? {});
  const other = new Map(targets.map((target) => [target.path, target]));
  return own.length === other.size && own.every((target) => other.get(target.path)?.equals(target) === true);
}

/** Unsigned targets of a family. */
export function familyTargets(targets: readonly TargetFile[], version: number, expires: string): Targets {
  return new Targets({
    specVersion: SPEC_VERSION,
    version,
    expires,
    targets: Object.fromEntries(targets.map((target) => [target.path, target])),
  });
}
