import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BuildEvent,
  type BuildLimits,
  type BuildRequest,
  buildVariants,
  type DatasetFile,
  type MadeVariant,
} from "@sartor/onnx";
import { type Tensor, tensorFrom, writeSafetensors } from "@sartor/shared/domain/tensor";
import type { ErrorBody } from "@sartor/shared/errors";
import {
  type ModelManifest,
  type VariantCard,
  variantBuildRequestSchema,
  variantCardSchema,
} from "@sartor/shared/protocol";

/** A model version as a build gets it. */
export interface BuildInput {
  readonly onnx: Uint8Array;
  readonly golden: Uint8Array;
  readonly manifest: ModelManifest;
}

/** What a build said, sorted. */
export interface Built {
  readonly made: ReadonlyMap<string, MadeVariant>;
  readonly refused: ReadonlyMap<string, ErrorBody>;
  readonly evaluated: VariantCard | undefined;
  readonly events: readonly BuildEvent[];
}

/** A folder of one test with its models, datasets and builds. */
export class BuildBench {
  readonly folder = mkdtempSync(join(tmpdir(), "sartor-variant-builds-"));
  #builds = 0;

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A dataset file. */
  dataset(name: string, tensors: readonly Tensor[], samples = tensors[0]?.shape[0] ?? 0): DatasetFile {
    const path = join(this.folder, `${name}.safetensors`);
    const bytes = writeSafetensors(tensors);
    writeFileSync(path, bytes);
    return { path, datasetId: "01J00000000000000000000000", name, digest: digestOf(bytes), samples };
  }

  /** A dataset of float samples of the input `image`, with their classes. */
  samples(name: string, images: Float32Array, shape: readonly number[], labels?: ArrayLike<number>): DatasetFile {
    const count = images.length / shape.reduce((product, size) => product * size, 1);
    const tensors = [tensorFrom("image", "FP32", [count, ...shape], images)];
    if (labels !== undefined) tensors.push(tensorFrom("labels", "INT32", [count], Int32Array.from(labels)));
    return this.dataset(name, tensors);
  }

  /** A request with an empty output folder of its own. */
  request(input: BuildInput, wanted: Partial<BuildRequest> & Pick<BuildRequest, "variants">): BuildRequest {
    const folder = join(this.folder, `build-${this.#builds++}`);
    mkdirSync(join(folder, "out"), { recursive: true });
    writeFileSync(join(folder, "model.onnx"), input.onnx);
    writeFileSync(join(folder, "golden.safetensors"), input.golden);
    const { accuracy, equalise, pruning } = variantBuildRequestSchema.parse({});
    return {
      modelPath: join(folder, "model.onnx"),
      modelDigest: digestOf(input.onnx),
      goldenPath: join(folder, "golden.safetensors"),
      manifest: input.manifest,
      outputFolder: join(folder, "out"),
      calibration: null,
      evaluation: null,
      accuracy,
      equalise,
      pruning,
      ...wanted,
    };
  }
}

/** Runs a build to its end. Every card must be one that the protocol knows. */
export async function build(
  request: BuildRequest,
  options: { limits?: BuildLimits; signal?: AbortSignal; onEvent?: (event: BuildEvent) => void | Promise<void> } = {},
): Promise<Built> {
  const made = new Map<string, MadeVariant>();
  const refused = new Map<string, ErrorBody>();
  const events: BuildEvent[] = [];
  let evaluated: VariantCard | undefined;
  await buildVariants(request, {
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onEvent: async (event) => {
      events.push(event);
      if (event.type === "made") {
        variantCardSchema.parse(event.variant.card);
        made.set(event.variant.name, event.variant);
      } else if (event.type === "refused") refused.set(event.name, event.error);
      else if (event.type === "evaluated") evaluated = variantCardSchema.parse(event.card);
      await options.onEvent?.(event);
    },
  });
  return { made, refused, evaluated, events };
}

/** Every file of a build's output by its name, as a digest. */
export function filesOf(request: BuildRequest): Record<string, string> {
  const names = readdirSync(request.outputFolder).sort();
  return Object.fromEntries(names.map((name) => [name, digestOf(readFileSync(join(request.outputFolder, name)))]));
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
