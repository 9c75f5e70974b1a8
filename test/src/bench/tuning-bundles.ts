import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type MadeVariant, suitableVariants } from "@sartor/onnx";
import type { ModelCard } from "@sartor/shared/domain/tailoring";
import type { BundleManifest, RuntimeSettings, VariantCard, VariantName } from "@sartor/shared/protocol";
import { writeSlot } from "../support/tiny-model.js";
import { type BuildBench, build } from "../variant-builds/building.js";
import type { TunedNetwork } from "./tuning-networks.js";

/** A variant on this machine's disk, as a device would have it after its download. */
export interface InstalledVariant {
  readonly name: VariantName;
  readonly kind: MadeVariant["kind"];
  readonly folder: string;
  readonly manifest: BundleManifest;
  readonly bundleId: string;
  readonly manifestBytes: number;
  /** How it runs where no plan says otherwise. */
  readonly runtime: RuntimeSettings;
  readonly card: VariantCard;
}

/**
 * Makes every variant that the builder makes of such a network when nobody says which, each in a bundle of its own.
 *
 * @throws SartorError what {@link buildVariants} throws
 */
export async function installVariants(network: TunedNetwork, bench: BuildBench): Promise<InstalledVariant[]> {
  const variants: VariantName[] = ["fp32", ...suitableVariants("convolution", { calibration: true })];
  const { version, calibration, evaluation } = network;
  const { made, refused, evaluated } = await build(bench.request(version, { variants, calibration, evaluation }), {
    onEvent: (event) => {
      if (event.type === "made") process.stderr.write(`${network.name}: made ${event.variant.name}\n`);
    },
  });
  for (const [name, { message }] of refused) process.stderr.write(`${network.name}: no ${name}: ${message}\n`);
  const installed: InstalledVariant[] = [];
  for (const { name, kind, modelPath, goldenPath, golden, runtime, card } of made.values()) {
    const folder = join(bench.folder, "bundles", network.name, name);
    const files = { onnx: readFileSync(modelPath), golden: readFileSync(goldenPath), manifest: version.manifest };
    const { manifest, bundleId, manifestBytes } = await writeSlot(folder, files, runtime, { name, kind, golden });
    installed.push({
      name,
      kind,
      folder,
      manifest,
      bundleId,
      manifestBytes: manifestBytes.byteLength,
      runtime,
      card: name === "fp32" ? (evaluated ?? card) : card,
    });
  }
  return installed;
}

/** The model as planning sees it. */
export function modelCardOf(variants: readonly InstalledVariant[]): ModelCard {
  const reference = fp32Of(variants);
  const { model, version } = reference.manifest;
  const { network, cost } = reference.card;
  return {
    model,
    version,
    family: network.family,
    macs: cost.macs,
    activationBytes: network.activationBytes,
    variants: variants.map(({ name, kind, card }) => ({
      name,
      kind,
      fileBytes: card.cost.bytes,
      ...(card.accuracy === null ? {} : { accuracy: card.accuracy.accuracy }),
      ...(card.cost.macs === cost.macs ? {} : { macs: card.cost.macs }),
    })),
  };
}

export function fp32Of(variants: readonly InstalledVariant[]): InstalledVariant {
  const found = variants.find(({ name }) => name === "fp32");
  if (found === undefined) throw new Error("there is no fp32 variant");
  return found;
}
