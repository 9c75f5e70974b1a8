import {
  type GoldenVectors,
  goldenRun,
  type Tensor,
  toNumbers,
  writeGoldenVectors,
} from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { GoldenTolerance, ModelManifest } from "@sartor/shared/protocol";
import { TensorSession } from "../verify/tensor-session.js";
import { marginsOf, toleranceOf } from "./golden-tolerance.js";

/** A variant's own golden vectors. */
export interface VariantGolden {
  /** A safetensors file. */
  readonly file: Uint8Array;
  readonly golden: GoldenTolerance;
}

/** What is compared to learn how far right executions of a variant differ. */
export interface GoldenQuestion {
  readonly variant: Uint8Array;
  /** Whether fused kernels of this machine say something about other machines: those that saturate do not. */
  readonly fusedCounts: boolean;
  /** A model with the same arithmetic that this machine runs in fused kernels, where it does not so run the variant itself. */
  readonly twin?: Uint8Array | undefined;
  /** fp32, where the variant's arithmetic cannot be run here and rounds less than on a device. */
  readonly exact?: Uint8Array | undefined;
}

/**
 * Golden vectors of a variant: the version's inputs with what ONNX Runtime computes without optimisation, which is what the standard says and
 * equal on every machine. The tolerance is what fused kernels change here, with headroom.
 *
 * @throws SartorError SRT_QUANTIZE_INACCURATE: the variant computes values that are not finite; SRT_MODEL_UNSUPPORTED; SRT_GOLDEN_MISMATCH:
 *   it fails on an input
 */
export async function goldenOf(
  question: GoldenQuestion,
  manifest: ModelManifest,
  version: GoldenVectors,
): Promise<VariantGolden> {
  const { variant, fusedCounts, twin, exact } = question;
  const outputs = await outputsOf(variant, "disabled", manifest, version);
  if (outputs.some((tensor) => !toNumbers(tensor).every(Number.isFinite))) throw notFinite();
  const differences = [0];
  if (fusedCounts) differences.push(difference(outputs, await outputsOf(variant, "all", manifest, version)));
  if (twin !== undefined) {
    const unfused = await outputsOf(twin, "disabled", manifest, version);
    differences.push(difference(unfused, await outputsOf(twin, "all", manifest, version)));
  }
  if (exact !== undefined) differences.push(difference(outputs, await outputsOf(exact, "disabled", manifest, version)));
  // A tolerance that lets infinity pass would be none.
  const largestDifference = Math.max(...differences);
  if (!Number.isFinite(largestDifference)) throw notFinite();
  const [first] = outputs;
  const margins = first === undefined ? [] : marginsOf(toNumbers(first), first.shape.at(-1) ?? 1);
  return {
    file: writeGoldenVectors({ inputs: version.inputs, outputs }),
    golden: toleranceOf({ largestDifference, margins }, manifest.golden),
  };
}

function notFinite(): SartorError {
  const problem = "The variant computes values that are infinite or no numbers on the golden inputs.";
  return new SartorError("SRT_QUANTIZE_INACCURATE", problem);
}

/** All outputs on all vectors, each with the vectors in its first dimension. */
async function outputsOf(
  model: Uint8Array,
  level: "disabled" | "all",
  manifest: ModelManifest,
  { inputs, count }: GoldenVectors,
): Promise<Tensor[]> {
  const names = manifest.outputs.map(({ name }) => name);
  const session = await TensorSession.open(model, level);
  try {
    const runs: Tensor[][] = [];
    for (let index = 0; index < count; index++) runs.push(await session.run(goldenRun(inputs, count, index), names));
    return names.map((name, position) => {
      return joined(
        name,
        runs.flatMap((tensors) => tensors[position] ?? []),
      );
    });
  } finally {
    await session.close();
  }
}

function joined(name: string, parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (first === undefined) throw new RangeError(`no run gave ${name}`);
  if (first.shape.length === 0) return first;
  const data = Buffer.concat(parts.map((part) => part.data));
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return { name, dataType: first.dataType, shape: [rows, ...first.shape.slice(1)], data: new Uint8Array(data) };
}

/** Largest distance between values; infinite where one of them is. */
function difference(a: readonly Tensor[], b: readonly Tensor[]): number {
  let largest = 0;
  for (const [position, tensor] of a.entries()) {
    const other = b[position];
    if (other === undefined) continue;
    const values = toNumbers(other);
    for (const [index, value] of toNumbers(tensor).entries()) {
      const distance = Math.abs(value - (values[index] ?? Number.NaN));
      largest = Math.max(largest, Number.isFinite(distance) ? distance : Number.POSITIVE_INFINITY);
    }
  }
  return largest;
}
