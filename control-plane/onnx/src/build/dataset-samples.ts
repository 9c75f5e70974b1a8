import { type FileHandle, open } from "node:fs/promises";
import {
  createImageTensorWriter,
  ELEMENT_BYTES,
  elementCount,
  type ImageTensorWriter,
  readSafetensorsLayout,
  type SafetensorsEntry,
  safetensorsDataStart,
  shapeFits,
} from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { ModelManifest, TensorSpec } from "@sartor/shared/protocol";
import type { CalibrationFeeds } from "../calibrate/index.js";

/** What a manifest tells about the samples of its model. */
export type SampleManifest = Pick<ModelManifest, "inputs" | "labels" | "preprocessing">;

/** Which samples, and how many at a time. */
export interface ReadOptions {
  /** Samples of one run, where the model does not fix it. */
  readonly batch?: number;
  /** So many samples at most, spread evenly over the file. */
  readonly most?: number;
}

/** Largest single sample, bytes of all its inputs. */
const MAXIMUM_SAMPLE_BYTES = 256 * 2 ** 20;
/** Most bytes of samples that are held at once, unless one sample is larger. */
const READ_BYTES = 16 * 2 ** 20;

/** One input of the model: where its samples lie and how their bytes become values. */
interface Source {
  readonly spec: TensorSpec;
  readonly entry: SafetensorsEntry;
  /** Dimensions of one sample as the model reads it. */
  readonly shape: readonly number[];
  /** Set where the file holds pixels. */
  readonly writer?: ImageTensorWriter;
}

/** An SRT_DATASET_INVALID. */
export function invalidDataset(problem: string, cause?: unknown): SartorError {
  return new SartorError("SRT_DATASET_INVALID", `These samples cannot be used: ${problem}.`, { cause });
}

function wrongShape(problem: string): SartorError {
  return new SartorError("SRT_CALIBRATION_SHAPE", `These samples do not fit the model: ${problem}.`);
}

/** Samples in a safetensors file, read by ranges: memory holds one run at a time. Format: `docs/variants.md`. */
export class DatasetSamples {
  private constructor(
    readonly count: number,
    private readonly file: FileHandle,
    private readonly sources: readonly Source[],
    private readonly labelEntry: SafetensorsEntry | undefined,
    private readonly classes: number,
  ) {}

  /**
   * Opens a file and checks its layout against a model; its values are not read yet.
   *
   * @throws SartorError SRT_DATASET_INVALID: malformed, or tensors that belong to no input; SRT_CALIBRATION_SHAPE: a tensor is missing or has
   *   another type or shape than the input; SRT_CALIBRATION_EMPTY: no sample
   */
  static async open(path: string, manifest: SampleManifest): Promise<DatasetSamples> {
    const file = await open(path, "r");
    try {
      const entries = new Map((await layoutOf(file)).map((entry) => [entry.name, entry]));
      const labels = entries.get("labels");
      const isInput = manifest.inputs.some(({ name }) => name === "labels");
      const sources = sourcesOf(entries, manifest);
      const count = sources[0]?.entry.shape[0] ?? 0;
      if (count === 0) throw new SartorError("SRT_CALIBRATION_EMPTY", "The dataset has no sample.");
      for (const { entry } of sources) {
        if (entry.shape[0] !== count) {
          const [first] = sources;
          throw invalidDataset(`${shown(entry)} and ${shown(first?.entry)} hold different numbers of samples`);
        }
      }
      const bytes = sources.reduce((sum, { shape }) => sum + elementCount(shape) * 4, 0);
      if (bytes > MAXIMUM_SAMPLE_BYTES) {
        throw invalidDataset(`one sample has ${bytes} bytes, ${MAXIMUM_SAMPLE_BYTES} is the most`);
      }
      const labelEntry = isInput ? undefined : labels;
      if (labelEntry !== undefined) checkLabels(labelEntry, count);
      return new DatasetSamples(count, file, sources, labelEntry, manifest.labels.length);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get hasLabels(): boolean {
    return this.labelEntry !== undefined;
  }

  /**
   * The class of every sample.
   *
   * @throws SartorError SRT_DATASET_INVALID: there are none, or one is no class of the model
   */
  async labels(): Promise<Int32Array> {
    const entry = this.labelEntry;
    if (entry === undefined) throw invalidDataset("the tensor labels is missing");
    const bytes = await this.#read(entry.begin, entry.end - entry.begin);
    const values = entry.dataType === "INT32" ? new Int32Array(bytes.buffer) : new BigInt64Array(bytes.buffer);
    return Int32Array.from({ length: this.count }, (_, sample) => {
      const label = Number(values[sample]);
      if (label >= 0 && label < this.classes) return label;
      throw invalidDataset(`the label of sample ${sample} is ${label}, the model has ${this.classes} classes`);
    });
  }

  /**
   * Samples as runs of the model, in their order. Where the model fixes its batch, the last run is filled up with its last sample.
   *
   * @throws SartorError SRT_CALIBRATION_NOT_FINITE: a value is infinite or not a number
   */
  async *runs(options: ReadOptions = {}): AsyncGenerator<CalibrationFeeds> {
    const count = Math.min(this.count, options.most ?? this.count);
    const fixed = this.sources[0]?.spec.shape[0] ?? -1;
    const bytes = this.sources.reduce((sum, { shape }) => sum + elementCount(shape) * 4, 0);
    const size = fixed > 0 ? fixed : Math.max(1, Math.min(options.batch ?? 1, Math.floor(READ_BYTES / bytes)));
    for (let from = 0; from < count; from += size) {
      const last = Math.min(count, from + size) - 1;
      const length = fixed > 0 ? size : last - from + 1;
      const samples = Array.from({ length }, (_, at) => {
        return Math.floor((Math.min(from + at, last) * this.count) / count);
      });
      const feeds: Record<string, CalibrationFeeds[string]> = {};
      for (const source of this.sources) {
        const data = await this.#values(source, samples);
        feeds[source.spec.name] = { shape: [length, ...source.shape], data };
      }
      yield feeds;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  async #values({ spec, entry, shape, writer }: Source, samples: readonly number[]): Promise<Float32Array> {
    const length = elementCount(shape);
    const stored = length * ELEMENT_BYTES[entry.dataType];
    const data = new Float32Array(length * samples.length);
    for (let from = 0; from < samples.length; ) {
      // Neighbours in the file are read at once.
      let to = from + 1;
      while (to < samples.length && samples[to] === (samples[to - 1] ?? 0) + 1) to++;
      const bytes = await this.#read(entry.begin + (samples[from] ?? 0) * stored, stored * (to - from));
      if (writer === undefined) data.set(new Float32Array(bytes.buffer), from * length);
      else {
        for (let at = from; at < to; at++) {
          writer.write(bytes.subarray((at - from) * stored, (at - from + 1) * stored), data, at * length);
        }
      }
      from = to;
    }
    for (let index = 0; index < data.length; index++) {
      if (Number.isFinite(data[index])) continue;
      const sample = samples[Math.floor(index / length)] ?? 0;
      const problem = `Sample ${sample} of ${spec.name} holds a value that is infinite or not a number.`;
      throw new SartorError("SRT_CALIBRATION_NOT_FINITE", problem, { details: { input: spec.name, sample } });
    }
    return data;
  }

  async #read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return readExactly(this.file, position, length);
  }
}

/** Reads so many bytes at a position; a file that is shorter was changed since it was opened. */
async function readExactly(file: FileHandle, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + read);
    if (bytesRead === 0) throw invalidDataset("the file is cut off");
    read += bytesRead;
  }
  return bytes;
}

async function layoutOf(file: FileHandle): Promise<readonly SafetensorsEntry[]> {
  const { size } = await file.stat();
  try {
    const start = safetensorsDataStart(await readExactly(file, 0, Math.min(8, size)));
    return readSafetensorsLayout(await readExactly(file, 0, Math.min(start, size)), size).entries;
  } catch (error) {
    if (error instanceof SartorError && error.code === "SRT_TENSOR_INVALID") {
      throw invalidDataset(error.message.replace(/^This is/, "this is").replace(/\.$/, ""), error);
    }
    throw error;
  }
}

function sourcesOf(entries: ReadonlyMap<string, SafetensorsEntry>, manifest: SampleManifest): Source[] {
  const names = new Set([...manifest.inputs.map(({ name }) => name), "labels"]);
  const image = imageSource(entries, manifest);
  if (image !== undefined) names.add("images");
  const stray = [...entries.values()].find(({ name }) => !names.has(name));
  if (stray !== undefined) {
    throw invalidDataset(
      `${shown(stray)} is no input of the model; its inputs are ${manifest.inputs.map(wanted).join(", ")}`,
    );
  }
  return image === undefined ? manifest.inputs.map((spec) => tensorSource(entries, spec)) : [image];
}

/** The one input of an image model, where the file holds pixels in place of it. */
function imageSource(
  entries: ReadonlyMap<string, SafetensorsEntry>,
  { inputs, preprocessing }: SampleManifest,
): Source | undefined {
  const entry = entries.get("images");
  const [spec] = inputs;
  if (entry?.dataType !== "UINT8" || spec === undefined || inputs.length > 1 || entries.has(spec.name)) {
    if (entry === undefined || spec?.name !== "images" || entry.dataType !== "UINT8") return undefined;
  }
  if (spec === undefined) return undefined;
  const { width, height, layout } = preprocessing;
  if (!shapeFits(entry.shape.slice(1), [height, width, 3]) || entry.shape.length !== 4) {
    throw wrongShape(`${shown(entry)} where UINT8 [samples, ${height}, ${width}, 3] is wanted`);
  }
  const shape = layout === "nchw" ? [3, height, width] : [height, width, 3];
  if (spec.dataType !== "FP32" || spec.shape.length !== 4 || !shapeFits(shape, spec.shape.slice(1))) {
    throw wrongShape(`images become FP32 [samples, ${shape.join(", ")}], the model's input is ${wanted(spec)}`);
  }
  return { spec, entry, shape, writer: createImageTensorWriter(preprocessing) };
}

function tensorSource(entries: ReadonlyMap<string, SafetensorsEntry>, spec: TensorSpec): Source {
  if (spec.dataType !== "FP32" || spec.shape.length === 0) {
    throw wrongShape(`the model's input ${wanted(spec)} is not FP32 with samples in its first dimension`);
  }
  const entry = entries.get(spec.name);
  if (entry === undefined) throw wrongShape(`a tensor for the input ${wanted(spec)} is missing`);
  const shape = entry.shape.slice(1);
  if (entry.dataType !== "FP32" || entry.shape.length === 0 || !shapeFits(shape, spec.shape.slice(1))) {
    throw wrongShape(`${shown(entry)} where the model's input is ${wanted(spec)}`);
  }
  return { spec, entry, shape };
}

function checkLabels(entry: SafetensorsEntry, count: number): void {
  const fits = entry.shape.length === 1 && entry.shape[0] === count;
  if (!fits || (entry.dataType !== "INT32" && entry.dataType !== "INT64")) {
    throw invalidDataset(`${shown(entry)} where INT32 or INT64 [${count}], one a sample, is wanted`);
  }
}

function shown(entry: SafetensorsEntry | undefined): string {
  return entry === undefined ? "nothing" : `the tensor ${entry.name} (${entry.dataType} [${entry.shape.join(", ")}])`;
}

function wanted({ name, dataType, shape }: TensorSpec): string {
  return `${name} (${dataType} [${shape.join(", ")}])`;
}
