import { SartorError } from "../../errors/index.js";
import type { GoldenTolerance, ModelManifest, TensorSpec } from "../../protocol/index.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { ELEMENT_BYTES, type Tensor, toNumbers } from "./tensor.js";

/** Most golden vectors of a model: they are run on every device at every installation. */
export const MOST_GOLDEN_VECTORS = 4096;

const INPUT = "input.";
const OUTPUT = "output.";

/**
 * Inputs with the outputs that the model's trainer got for them. The tensors carry the model's own names; their first
 * dimension counts vectors: `count` runs of `batch` rows each.
 */
export interface GoldenVectors {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** How many runs the vectors make. */
  readonly count: number;
}

const refuse = (problem: string, cause?: unknown): SartorError =>
  new SartorError("SRT_GOLDEN_INVALID", `The golden vectors cannot be used: ${problem}.`, { cause });

/** Rows of one run: the fixed batch of the model, or 1 where the batch may vary. */
function rowsOfRun(spec: TensorSpec): number {
  const first = spec.shape[0];
  return first === undefined || first === -1 ? 1 : first;
}

function pick(spec: TensorSpec, prefix: string, byName: ReadonlyMap<string, Tensor>): { tensor: Tensor; runs: number } {
  const shown = JSON.stringify(prefix + spec.name);
  const found = byName.get(prefix + spec.name);
  if (found === undefined) throw refuse(`the tensor ${shown} is missing`);
  if (found.dataType !== spec.dataType) {
    throw refuse(`the tensor ${shown} has the type ${found.dataType}, the manifest says ${spec.dataType}`);
  }
  const shape = `the tensor ${shown} has the shape [${found.shape}], the manifest says [${spec.shape}]`;
  if (found.shape.length !== spec.shape.length) throw refuse(shape);
  if (!spec.shape.every((want, axis) => axis === 0 || want === -1 || found.shape[axis] === want)) throw refuse(shape);
  const runs = (found.shape[0] ?? 1) / rowsOfRun(spec);
  if (!Number.isInteger(runs) || runs < 1) throw refuse(shape);
  if (found.dataType.startsWith("FP") && !toNumbers(found).every(Number.isFinite)) {
    throw refuse(`the tensor ${shown} holds a value that is not finite`);
  }
  return { tensor: { ...found, name: spec.name }, runs };
}

/**
 * Reads golden vectors: a safetensors file with `input.<name>` and `output.<name>` for every input and output of the
 * manifest. The first dimension counts vectors; for a model with a fixed batch it is a multiple of that batch.
 * @throws SartorError SRT_GOLDEN_INVALID when the file is malformed, incomplete, does not fit the manifest or holds NaN or infinities.
 */
export function readGoldenVectors(
  bytes: Uint8Array,
  modelManifest: Pick<ModelManifest, "inputs" | "outputs">,
): GoldenVectors {
  let tensors: readonly Tensor[];
  try {
    tensors = readSafetensors(bytes).tensors;
  } catch (error) {
    const problem = error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
    throw refuse(problem.charAt(0).toLowerCase() + problem.slice(1), error);
  }
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const inputs = modelManifest.inputs.map((spec) => pick(spec, INPUT, byName));
  const outputs = modelManifest.outputs.map((spec) => pick(spec, OUTPUT, byName));
  const count = inputs[0]?.runs ?? 0;
  if ([...inputs, ...outputs].some(({ runs }) => runs !== count)) {
    throw refuse("its tensors do not hold the same number of vectors");
  }
  if (count < 1 || count > MOST_GOLDEN_VECTORS)
    throw refuse(`it holds ${count} vectors, 1 to ${MOST_GOLDEN_VECTORS} work`);
  return { inputs: inputs.map(({ tensor }) => tensor), outputs: outputs.map(({ tensor }) => tensor), count };
}

/** Writes golden vectors as {@link readGoldenVectors} reads them; tensor names are the model's own. */
export function writeGoldenVectors(vectors: Pick<GoldenVectors, "inputs" | "outputs">): Uint8Array<ArrayBuffer> {
  return writeSafetensors([
    ...vectors.inputs.map((tensor) => ({ ...tensor, name: INPUT + tensor.name })),
    ...vectors.outputs.map((tensor) => ({ ...tensor, name: OUTPUT + tensor.name })),
  ]);
}

/** The tensors of one run out of `count`: views, no copy. */
export function goldenRun(tensors: readonly Tensor[], count: number, index: number): Tensor[] {
  return tensors.map((tensor) => {
    const bytes = tensor.data.byteLength / count;
    const rows = (tensor.shape[0] ?? 1) / count;
    return {
      ...tensor,
      shape: tensor.shape.length === 0 ? [] : [rows, ...tensor.shape.slice(1)],
      data: tensor.data.subarray(index * bytes, (index + 1) * bytes),
    };
  });
}

/** How outputs compare with golden ones. */
export interface GoldenComparison {
  /** Largest |got - want| over all values; Number.MAX_VALUE when a value is not finite. */
  readonly largestAbsoluteError: number;
  /** Share of rows of the first output whose largest value stands at the same index, 0 to 1. */
  readonly topOneAgreement: number;
  /** Every value within tolerance, and agreement at least the manifest's minimum. */
  readonly passed: boolean;
}

function indexOfLargest(values: Float64Array, from: number, to: number): number {
  let best = from;
  for (let index = from + 1; index < to; index++) {
    // NaN never wins, and the first of equals stays.
    if ((values[index] ?? Number.NaN) > (values[best] ?? Number.NaN)) best = index;
  }
  return best - from;
}

function agreement(want: Float64Array, got: Float64Array, classes: number): number {
  const rows = want.length / classes;
  let same = 0;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * classes, (row + 1) * classes];
    if (indexOfLargest(want, from, to) === indexOfLargest(got, from, to)) same++;
  }
  return same / rows;
}

/**
 * Compares outputs with the golden ones. A value passes when |got - want| <= absoluteTolerance + relativeTolerance * |want|.
 * Agreement is taken over the last axis of the first output (classes).
 * @throws SartorError SRT_GOLDEN_MISMATCH when `got` lacks an output or has another type or size than expected.
 */
export function compareGolden(
  expected: readonly Tensor[],
  got: readonly Tensor[],
  tolerance: GoldenTolerance,
): GoldenComparison {
  let largest = 0;
  let within = true;
  let topOneAgreement = 1;
  for (const [position, want] of expected.entries()) {
    const have = got.find((tensor) => tensor.name === want.name);
    if (have === undefined || have.dataType !== want.dataType || have.data.byteLength !== want.data.byteLength) {
      throw new SartorError(
        "SRT_GOLDEN_MISMATCH",
        `The output ${JSON.stringify(want.name)} is missing or differs in type or size.`,
        {
          details: {
            output: want.name,
            expected: { dataType: want.dataType, elements: want.data.byteLength / ELEMENT_BYTES[want.dataType] },
          },
        },
      );
    }
    const wanted = toNumbers(want);
    const gotten = toNumbers(have);
    for (let index = 0; index < wanted.length; index++) {
      const reference = wanted[index] ?? 0;
      const difference = Math.abs((gotten[index] ?? Number.NaN) - reference);
      const error = Number.isFinite(difference) ? difference : Number.MAX_VALUE;
      if (error > largest) largest = error;
      if (error > tolerance.absoluteTolerance + tolerance.relativeTolerance * Math.abs(reference)) within = false;
    }
    if (position === 0 && wanted.length > 0) topOneAgreement = agreement(wanted, gotten, want.shape.at(-1) ?? 1);
  }
  return {
    largestAbsoluteError: largest,
    topOneAgreement,
    passed: within && topOneAgreement >= tolerance.minimumTopOneAgreement,
  };
}
