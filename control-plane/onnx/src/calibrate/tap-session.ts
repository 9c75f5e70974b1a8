import { create } from "@bufbuild/protobuf";
import { SartorError } from "@sartor/shared/errors";
import { ValueInfoProtoSchema } from "onnx-buf";
import * as ort from "onnxruntime-node";
import { EditableGraph } from "../graph/index.js";
import type { CalibrationFeeds } from "./calibration-source.js";

/** What a value was in one run. */
export interface TappedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Bytes of values that one run hands over at most; a single larger value is handed over alone. */
const BYTES_PER_RUN = 256 * 2 ** 20;

/**
 * A model of which any float value can be read, not only its outputs. ONNX Runtime computes each node as it stands, with optimisation
 * disabled. Values come in groups, so that memory stays bounded however many are asked for; each further group costs another run.
 *
 * ONNX Runtime gives memory of a session back late: use it in a process that ends when its job is done.
 */
export class TapSession {
  readonly #session: ort.InferenceSession;
  #groups: readonly (readonly string[])[] | undefined;

  private constructor(
    session: ort.InferenceSession,
    private readonly values: readonly string[],
    private readonly inputs: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#session = session;
  }

  /**
   * @param values names of the values to read
   * @throws SartorError SRT_MODEL_UNSUPPORTED: ONNX Runtime refuses the model
   */
  static async open(model: Uint8Array, values: readonly string[]): Promise<TapSession> {
    const graph = EditableGraph.decode(model);
    const shapes = graph.statedShapes();
    const inputs = new Map(graph.inputs.map(({ name }) => [name, shapes.get(name) ?? []]));
    const computed = values.filter((name) => !inputs.has(name));
    for (const name of computed) graph.addOutput(create(ValueInfoProtoSchema, { name }));
    try {
      const session = await ort.InferenceSession.create(graph.encode(), {
        executionProviders: ["cpu"],
        graphOptimizationLevel: "disabled",
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: 4,
      });
      return new TapSession(session, values, inputs);
    } catch (cause) {
      throw new SartorError("SRT_MODEL_UNSUPPORTED", `ONNX Runtime refuses the model: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Runs the model and hands over every value, one after the other. A value's data is valid during the call only.
   *
   * @throws SartorError SRT_CALIBRATION_SHAPE: the feeds do not fit the model's inputs
   */
  async run(feeds: CalibrationFeeds, visit: (name: string, tensor: TappedTensor) => void): Promise<void> {
    const tensors = this.#check(feeds);
    for (const name of this.values) {
      const feed = this.inputs.has(name) ? feeds[name] : undefined;
      if (feed !== undefined) visit(name, feed);
    }
    const computed = this.values.filter((name) => !this.inputs.has(name));
    if (computed.length === 0) return;
    if (this.#groups === undefined) {
      this.#groups = await this.#probe(tensors, computed, visit);
      return;
    }
    for (const group of this.#groups) await this.#read(tensors, group, visit);
  }

  /** Gives the session back. */
  async close(): Promise<void> {
    await this.#session.release();
  }

  /** The first run learns how large each value is, a few values at a time, and packs groups from that. */
  async #probe(
    tensors: Record<string, ort.Tensor>,
    names: readonly string[],
    visit: (name: string, tensor: TappedTensor) => void,
  ): Promise<string[][]> {
    const sizes = new Map<string, number>();
    const few = 8;
    for (let from = 0; from < names.length; from += few) {
      await this.#read(tensors, names.slice(from, from + few), (name, tensor) => {
        sizes.set(name, tensor.data.byteLength);
        visit(name, tensor);
      });
    }
    return packGroups(names, (name) => sizes.get(name) ?? 0, BYTES_PER_RUN);
  }

  async #read(
    tensors: Record<string, ort.Tensor>,
    names: readonly string[],
    visit: (name: string, tensor: TappedTensor) => void,
  ): Promise<void> {
    let results: Awaited<ReturnType<ort.InferenceSession["run"]>>;
    try {
      results = await this.#session.run(tensors, [...names]);
    } catch (cause) {
      throw new SartorError("SRT_CALIBRATION_SHAPE", `The model fails on a sample: ${messageOf(cause)}`, { cause });
    }
    for (const name of names) {
      const tensor = results[name];
      if (tensor === undefined) continue;
      if (!(tensor.data instanceof Float32Array)) throw new Error(`the value ${name} is ${tensor.type}, not float32`);
      visit(name, { shape: tensor.dims, data: tensor.data });
      tensor.dispose();
    }
  }

  #check(feeds: CalibrationFeeds): Record<string, ort.Tensor> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, wanted] of this.inputs) {
      const feed = feeds[name];
      if (feed === undefined) throw wrongShape(name, wanted, "is missing");
      const fits =
        feed.shape.length === wanted.length && wanted.every((size, axis) => size === -1 || size === feed.shape[axis]);
      const count = feed.shape.reduce((product, size) => product * size, 1);
      if (!fits || count === 0) throw wrongShape(name, wanted, `is [${feed.shape.join(", ")}]`);
      if (feed.data.length !== count) throw wrongShape(name, wanted, `has ${feed.data.length} values for ${count}`);
      if (feed.data.some((value) => !Number.isFinite(value))) {
        throw new SartorError(
          "SRT_CALIBRATION_NOT_FINITE",
          `The input ${name} of a sample holds an infinite value or not a number.`,
        );
      }
      tensors[name] = new ort.Tensor("float32", feed.data, [...feed.shape]);
    }
    return tensors;
  }
}

/** Packs names in their order into groups of at most so many bytes; a larger one stands alone. */
export function packGroups(names: readonly string[], bytesOf: (name: string) => number, limit: number): string[][] {
  const groups: string[][] = [];
  let room = 0;
  for (const name of names) {
    const bytes = bytesOf(name);
    const group = groups.at(-1);
    if (group === undefined || bytes > room) {
      groups.push([name]);
      room = limit - bytes;
    } else {
      group.push(name);
      room -= bytes;
    }
  }
  return groups;
}

function wrongShape(name: string, wanted: readonly number[], problem: string): SartorError {
  return new SartorError(
    "SRT_CALIBRATION_SHAPE",
    `The input ${name} of a calibration sample ${problem}; the model wants float32 [${wanted.join(", ")}].`,
    { details: { input: name, wanted } },
  );
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 512);
}
