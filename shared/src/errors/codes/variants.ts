import { type CodeTable, entry } from "./entry.js";

/** Building variants: quantizing, pruning, and the datasets for it. */
export const VARIANT_CODES = {
  SRT_QUANTIZE_UNSUPPORTED: entry(
    422,
    "The model has something that the wanted precision cannot express.",
    "Read the message: it names the node; choose another precision or export the model without it.",
  ),
  SRT_QUANTIZE_OPSET: entry(
    422,
    "The model's operator set is too old to be quantized.",
    "Export the model with opset 13 or later.",
  ),
  SRT_QUANTIZE_NOT_FINITE: entry(
    422,
    "A weight of the model is not a finite number.",
    "Retrain or repair the model; the message names the tensor.",
  ),
  SRT_QUANTIZE_NOTHING: entry(
    422,
    "No operator of the model can be quantized in the wanted way.",
    "Choose another precision, or keep the model in fp32.",
  ),
  SRT_QUANTIZE_INACCURATE: entry(
    422,
    "No mix of quantized and fp32 layers within the limits keeps the accuracy that the policy asks for.",
    "Keep the model in fp32 or fp16, give more calibration samples, or relax the policy.",
  ),
  SRT_CALIBRATION_EMPTY: entry(
    422,
    "The calibration set has no sample.",
    "Give at least one sample; a few hundred from the field are good.",
  ),
  SRT_CALIBRATION_SHAPE: entry(
    422,
    "A calibration sample does not fit the model's inputs.",
    "Send each input by its name with the type and shape that the message lists.",
  ),
  SRT_CALIBRATION_NOT_FINITE: entry(
    422,
    "A calibration sample makes a value of the network infinite or not a number.",
    "Check the samples' pre-processing and the model; the message names the value.",
  ),
  SRT_CALIBRATION_INCOMPLETE: entry(
    422,
    "A value that is to be quantized was not calibrated.",
    "Calibrate the model that is quantized, not another one.",
  ),
  SRT_PRUNE_NOTHING: entry(
    422,
    "The model has no convolution whose channels can be removed.",
    "Leave the pruned variants out of the build.",
  ),
  SRT_PRUNE_INACCURATE: entry(
    422,
    "The pruned network is less accurate than the policy allows.",
    "Remove a smaller share of the channels, or leave the pruned variants out.",
  ),
  SRT_DATASET_INVALID: entry(
    422,
    "The uploaded samples cannot be used for this model.",
    "Read the message: it names the tensor; docs/variants.md says what a dataset holds.",
  ),
  SRT_DATASET_UNKNOWN: entry(404, "No such dataset.", "Check the id against the model's datasets."),
  SRT_DATASET_EXISTS: entry(
    409,
    "The model has a dataset of this name with other content.",
    "Choose another name; a dataset never changes.",
  ),
  SRT_DATASET_IN_USE: entry(
    409,
    "A build that has not ended reads this dataset.",
    "Wait for the build to end, or cancel it.",
  ),
  SRT_BUILD_UNKNOWN: entry(404, "No such build.", "Check the build id."),
  SRT_BUILD_MEMORY: entry(
    422,
    "Building a variant needs more memory than a build may take.",
    "Give the control plane more memory (SARTOR_BUILD_MEMORY_BYTES), or a smaller model.",
  ),
  SRT_BUILD_CRASHED: entry(
    500,
    "The process that builds variants ended again and again without a result.",
    "Look up the build in the control plane's log and report it; the model's other variants are not touched.",
  ),
  SRT_BUILD_TIMED_OUT: entry(
    422,
    "A build took longer than builds may take.",
    "Use fewer samples, or raise SARTOR_BUILD_TIME_SECONDS.",
  ),
  SRT_VARIANT_UNKNOWN: entry(404, "No such variant.", "Check the name against the version's variants."),
} as const satisfies CodeTable;
