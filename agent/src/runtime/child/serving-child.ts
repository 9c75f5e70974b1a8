import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkManifest } from "@sartor/shared/domain/model";
import {
  type Classification,
  classifyRow,
  createImageTensorWriter,
  goldenRun,
  readGoldenVectors,
  type Tensor,
  toNumbers,
} from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { RuntimeAdapterName } from "@sartor/shared/protocol";
import type { LoadedModel, ModelRun, RuntimeAdapter } from "../adapter.js";
import type { BundleLocation, ChildCall, ChildCalls, ImageLimits } from "../channel/index.js";
import { decodeImage } from "./image-decoder.js";
import { checkGoldenVectors, measureRuns, probeModel } from "./probe-model.js";

/** How many classes an answer names. */
const TOP_CLASSES = 5;

type Reply<C extends ChildCall> = { result: ChildCalls[C]["result"]; parts?: readonly Uint8Array[] };
type Handlers = {
  [C in ChildCall]: (given: ChildCalls[C]["arguments"], parts: readonly Uint8Array[]) => Promise<Reply<C>>;
};

/** The engines that this agent has, by the names that runtime settings use. */
export type RuntimeAdapters = { readonly [name in RuntimeAdapterName]?: RuntimeAdapter };

interface Served {
  readonly location: BundleLocation;
  readonly model: LoadedModel;
  readonly imageLimits: ImageLimits;
  /** The image's input tensor: written before each run, never reallocated. */
  readonly imageInput: Tensor;
  writeImage(pixels: Uint8Array): void;
}

async function readGolden({ folder, manifest }: BundleLocation) {
  return readGoldenVectors(await readFile(join(folder, manifest.entry.golden)), manifest.modelManifest);
}

/** What a runtime child does: loads one model and answers calls, one run at a time. */
export class ServingChild {
  readonly #adapters: RuntimeAdapters;
  #served: Served | undefined;
  /** The run before the next one: the engine runs one at a time, and the image input is shared. */
  #lastRun: Promise<unknown> = Promise.resolve();

  constructor(adapters: RuntimeAdapters) {
    this.#adapters = adapters;
  }

  /** Answers one call. @throws SartorError as the call says; anything else that is thrown is the engine's word. */
  async handle<C extends ChildCall>(
    call: C,
    given: ChildCalls[C]["arguments"],
    parts: readonly Uint8Array[],
  ): Promise<Reply<C>> {
    return this.#handlers[call](given, parts);
  }

  readonly #handlers: Handlers = {
    load: async ({ imageLimits, ...location }) => {
      const model = await this.#adapterFor(location).load(location);
      checkManifest(model, location.manifest.modelManifest);
      this.#served = serve(location, model, imageLimits);
      return { result: {} };
    },

    inspect: async ({ scratch, ...location }) => {
      const golden = await readGolden(location);
      const inputs = goldenRun(golden.inputs, golden.count, 0);
      // Whoever called removes it, unless it was killed.
      process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));
      const report = await this.#adapterFor(location).inspect(location, inputs, scratch);
      const { user, system } = process.cpuUsage();
      return { result: { ...report, cpuMs: (user + system) / 1000 } };
    },

    infer: async ({ tensors }, parts) => {
      const served = this.#loaded();
      const inputs = tensors.map((tensor, index) => ({ ...tensor, data: parts[index] ?? new Uint8Array() }));
      return this.#exclusive(async () => {
        const run = await served.model.run(inputs);
        const classification = classifySingle(served, run);
        return {
          result: {
            tensors: run.outputs.map(({ name, dataType, shape }) => ({ name, dataType, shape })),
            runMs: run.runMs,
            ...(classification === undefined ? {} : { classification }),
          },
          parts: run.outputs.map(({ data }) => data),
        };
      });
    },

    classify: async (_, parts) => {
      const served = this.#loaded();
      const { width, height } = served.location.manifest.modelManifest.preprocessing;
      const pixels = await decodeImage(parts[0] ?? new Uint8Array(), { width, height }, served.imageLimits);
      return this.#exclusive(async () => {
        served.writeImage(pixels);
        const run = await served.model.run([served.imageInput]);
        const classification = classifySingle(served, run);
        if (classification === undefined) {
          throw new SartorError("SRT_INFERENCE_FAILED", "The model's answer is not a finite number for each class.");
        }
        return { result: { ...classification, runMs: run.runMs } };
      });
    },

    probe: async () => {
      const { location, model } = this.#loaded();
      const golden = await readGolden(location);
      return this.#exclusive(async () => ({
        result: await probeModel(model, golden, location.manifest.variant.golden),
      }));
    },

    golden: async () => {
      const { location, model } = this.#loaded();
      const golden = await readGolden(location);
      return this.#exclusive(async () => ({
        result: await checkGoldenVectors(model, golden, location.manifest.variant.golden),
      }));
    },

    measure: async ({ count, warmUps }) => {
      const { location, model } = this.#loaded();
      const golden = await readGolden(location);
      const times = await this.#exclusive(() => measureRuns(model, golden, count, warmUps));
      return { result: {}, parts: [new Uint8Array(times.buffer)] };
    },
  };

  #adapterFor({ runtime }: BundleLocation): RuntimeAdapter {
    const adapter = this.#adapters[runtime.adapter];
    if (adapter !== undefined) return adapter;
    throw new SartorError(
      "SRT_PROVIDER_UNAVAILABLE",
      `This agent has no adapter ${runtime.adapter}; it has ${Object.keys(this.#adapters).join(", ")}.`,
    );
  }

  #loaded(): Served {
    if (this.#served === undefined) throw new SartorError("SRT_MODEL_NOT_READY", "This process has no model yet.");
    return this.#served;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastRun.then(work);
    this.#lastRun = result.catch(() => undefined);
    return result;
  }
}

function serve(location: BundleLocation, model: LoadedModel, imageLimits: ImageLimits): Served {
  const { preprocessing, inputs } = location.manifest.modelManifest;
  const writer = createImageTensorWriter(preprocessing);
  const { width, height, layout } = preprocessing;
  const values = new Float32Array(writer.length);
  return {
    location,
    model,
    imageLimits,
    imageInput: {
      name: inputs[0]?.name ?? "",
      dataType: "FP32",
      shape: layout === "nchw" ? [1, 3, height, width] : [1, height, width, 3],
      data: new Uint8Array(values.buffer),
    },
    writeImage: (pixels) => writer.write(pixels, values),
  };
}

/** Reads the classes of a run over one image; undefined for a batch, or where the values are not finite. */
function classifySingle({ location }: Served, run: ModelRun): Classification | undefined {
  const { labels, postprocessing } = location.manifest.modelManifest;
  const output = run.outputs[0];
  if (output === undefined || output.shape.reduce((product, size) => product * size, 1) !== labels.length) {
    return undefined;
  }
  const read = classifyRow(toNumbers(output), postprocessing.kind, TOP_CLASSES);
  return read.top.every(({ probability }) => Number.isFinite(probability)) ? read : undefined;
}
