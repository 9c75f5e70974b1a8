import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { type GoldenVectors, goldenRun, readGoldenVectors, viewElements } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { CalibrationFeeds, CalibrationSource } from "../calibrate/index.js";
import { classify } from "../measure/index.js";
import type { BuildEvent, BuildLimits, BuildRequest } from "./build-request.js";
import { DatasetSamples } from "./dataset-samples.js";
import { type Processor, readProcessor } from "./processor.js";
import type { BuildProgress } from "./progress.js";

/** Where the truth about accuracy comes from. */
export interface Reference {
  readonly labels: Int32Array;
  /** What fp32 names, sample by sample. */
  readonly predictions: readonly number[];
  /** Share that fp32 classifies rightly, 0 to 1. */
  readonly accuracy: number;
}

/** How a variant is evaluated. */
export interface EvaluationOptions {
  /** Samples of one run. */
  readonly batch: number;
  readonly unfused?: boolean;
  /** Step of the progress that this is the second half of. */
  readonly step: string;
}

/** Most samples by which outputs are compared. */
const SIGNAL_SAMPLES = 64;
/** A model becomes several copies while it is decoded, optimised and run. */
const COPIES = 8;
/** Protobuf ends here. */
const LARGEST_FILE = 2 ** 31 - 1;

/** All that the variants of one build share. */
export class BuildContext {
  readonly processor: Processor = readProcessor();
  #reference: Reference | null = null;

  private constructor(
    readonly request: BuildRequest,
    readonly limits: BuildLimits,
    readonly uploaded: Uint8Array,
    readonly golden: GoldenVectors,
    readonly calibration: DatasetSamples | null,
    readonly evaluation: DatasetSamples | null,
    readonly emit: (event: BuildEvent) => Promise<void>,
    readonly now: () => number,
  ) {}

  /**
   * Reads what a build needs.
   *
   * @throws SartorError SRT_BUILD_MEMORY: the model is too large for the limit; SRT_DIGEST_MISMATCH; SRT_GOLDEN_INVALID; as {@link DatasetSamples.open}
   */
  static async open(
    request: BuildRequest,
    limits: BuildLimits,
    emit: (event: BuildEvent) => Promise<void>,
    now: () => number,
  ): Promise<BuildContext> {
    const { size } = await stat(request.modelPath);
    const most = Math.min(LARGEST_FILE, Math.floor(limits.memoryBytes / COPIES));
    if (size > most) {
      throw new SartorError(
        "SRT_BUILD_MEMORY",
        `The model has ${mebibytes(size)} MiB; with ${mebibytes(limits.memoryBytes)} MiB of memory a build can take ${mebibytes(most)} MiB.`,
        { details: { bytes: size, mostBytes: most } },
      );
    }
    const uploaded = new Uint8Array(await readFile(request.modelPath));
    // Cards name this digest as where a variant comes from.
    const digest = digestOf(uploaded);
    if (digest !== request.modelDigest) {
      throw new SartorError(
        "SRT_DIGEST_MISMATCH",
        `The model to build from has the digest ${digest}, not ${request.modelDigest}; the stored content is damaged.`,
        { details: { digest, expected: request.modelDigest } },
      );
    }
    const golden = readGoldenVectors(await readFile(request.goldenPath), request.manifest);
    const open = async (file: BuildRequest["calibration"]) =>
      file === null ? null : await DatasetSamples.open(file.path, request.manifest);
    return new BuildContext(
      request,
      limits,
      uploaded,
      golden,
      await open(request.calibration),
      await open(request.evaluation),
      emit,
      now,
    );
  }

  async close(): Promise<void> {
    await this.calibration?.close();
    await this.evaluation?.close();
  }

  /** The version's golden vectors as they were uploaded. */
  async goldenFile(): Promise<Uint8Array> {
    return readFile(this.request.goldenPath);
  }

  /** Golden inputs as samples; undefined where an input is not FP32. */
  goldenFeeds(): CalibrationFeeds[] | undefined {
    const { inputs, count } = this.golden;
    if (inputs.some(({ dataType }) => dataType !== "FP32")) return undefined;
    return Array.from({ length: Math.min(count, SIGNAL_SAMPLES) }, (_, index) =>
      Object.fromEntries(
        goldenRun(inputs, count, index).map((tensor) => [
          tensor.name,
          { shape: tensor.shape, data: viewElements({ ...tensor, dataType: "FP32" }) },
        ]),
      ),
    );
  }

  /** A few samples by which outputs are compared: of the calibration, else of the evaluation, else the golden inputs. */
  signalSamples(most = SIGNAL_SAMPLES): CalibrationSource | undefined {
    const set = this.calibration ?? this.evaluation;
    return set === null ? this.goldenFeeds()?.slice(0, most) : set.runs({ most, batch: 1 });
  }

  /** What the evaluation set says of fp32; null without one. */
  get reference(): Reference | null {
    return this.#reference;
  }

  /** Classifies the evaluation set with fp32. Throws as {@link DatasetSamples.labels} and classify do. */
  async refer(model: Uint8Array, options: EvaluationOptions, progress: BuildProgress): Promise<Reference | null> {
    if (this.evaluation === null) return null;
    const labels = await this.evaluation.labels();
    const predictions = await this.classify(model, options, progress);
    const right = predictions.filter((prediction, sample) => prediction === labels[sample]).length;
    this.#reference = { labels, predictions, accuracy: right / labels.length };
    return this.#reference;
  }

  /** The class that a model names for every sample of the evaluation set. */
  async classify(model: Uint8Array, options: EvaluationOptions, progress: BuildProgress): Promise<number[]> {
    const set = this.evaluation;
    if (set === null) return [];
    const counted = async function* () {
      let samples = 0;
      for await (const feeds of set.runs({ batch: options.batch })) {
        yield feeds;
        samples += Object.values(feeds)[0]?.shape[0] ?? 1;
        progress.advance(options.step, samples / set.count);
      }
    };
    // Which output holds the classes the manifest says; the model may list its outputs in another order.
    const [output] = this.request.manifest.outputs;
    const predictions = await classify(model, counted(), {
      unfused: options.unfused === true,
      ...(output === undefined ? {} : { output: output.name }),
    });
    // The last run of a model with a fixed batch was filled up.
    return predictions.slice(0, set.count);
  }
}

/** SHA-256 of bytes, `sha256:<hex>`. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
