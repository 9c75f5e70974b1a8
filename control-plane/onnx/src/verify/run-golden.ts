import {
  compareGolden,
  type GoldenComparison,
  type GoldenVectors,
  goldenRun,
  type Tensor,
} from "@sartor/shared/domain/tensor";
import type { ModelManifest } from "@sartor/shared/protocol";
import { TensorSession } from "./tensor-session.js";

/**
 * Runs golden vectors through ONNX Runtime on the CPU, one thread, and compares what comes out. Blocks its thread while it runs.
 *
 * @throws SartorError SRT_MODEL_UNSUPPORTED where ONNX Runtime refuses the model;
 *   SRT_GOLDEN_MISMATCH where it fails on a vector or gives something else
 */
export async function runGolden(
  model: string | Uint8Array,
  manifest: ModelManifest,
  golden: GoldenVectors,
): Promise<GoldenComparison> {
  const session = await TensorSession.open(model);
  try {
    const names = manifest.outputs.map((output) => output.name);
    const outputs: Tensor[][] = [];
    for (let index = 0; index < golden.count; index++) {
      outputs.push(await session.run(goldenRun(golden.inputs, golden.count, index), names));
    }
    return summarise(golden, outputs, manifest);
  } finally {
    await session.close();
  }
}

function summarise(golden: GoldenVectors, outputs: readonly Tensor[][], manifest: ModelManifest): GoldenComparison {
  let largestAbsoluteError = 0;
  let agreement = 0;
  let within = true;
  for (const [index, got] of outputs.entries()) {
    const expected = goldenRun(golden.outputs, golden.count, index);
    // Agreement is judged over all vectors together; here only the values of one.
    const one = compareGolden(expected, got, { ...manifest.golden, minimumTopOneAgreement: 0 });
    largestAbsoluteError = Math.max(largestAbsoluteError, one.largestAbsoluteError);
    agreement += one.topOneAgreement;
    within &&= one.passed;
  }
  const topOneAgreement = agreement / golden.count;
  return {
    largestAbsoluteError,
    topOneAgreement,
    passed: within && topOneAgreement >= manifest.golden.minimumTopOneAgreement,
  };
}
