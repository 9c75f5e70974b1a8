import type { LayerError } from "./layer-errors.js";

/** A mean error larger than this share of the layer's root mean square is no rounding bias; correcting it would hide a fault. */
const LARGEST_SHARE = 0.5;

/**
 * Fast bias correction: what to add to each layer's bias so that its mean is that of fp32 again (b += E[y_fp32] - E[y_int8] per channel).
 * After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019), section 4.2, with the
 * expectation measured on samples. Layers whose error is too large for a rounding bias are left alone.
 *
 * @returns corrections by the layer's name, one value an output channel
 */
export function biasCorrections(errors: readonly LayerError[]): Map<string, Float32Array> {
  const corrections = new Map<string, Float32Array>();
  for (const { name, operator, meanError, rootMeanSquare } of errors) {
    // A MatMul has no bias to correct.
    if (operator === "MatMul" || meanError.every((value) => value === 0)) continue;
    if (meanError.some((value) => !(Math.abs(value) <= LARGEST_SHARE * rootMeanSquare))) continue;
    corrections.set(name, meanError);
  }
  return corrections;
}
