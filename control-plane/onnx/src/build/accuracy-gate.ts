import { SartorError } from "@sartor/shared/errors";
import { type ClassificationReport, classificationReport } from "../measure/index.js";
import { compareOutputs, keepAccuracy } from "../precision/index.js";
import type { BuildContext } from "./build-context.js";
import { finiteDecibels } from "./card-values.js";
import type { BuildProgress } from "./progress.js";
import type { Draft, VariantPlan } from "./variant-plan.js";

/** A variant that holds the accuracy policy. */
export interface JudgedVariant {
  readonly draft: Draft;
  /** Layers that returned to fp32, the worst first. */
  readonly floatLayers: readonly string[];
  /** Null without an evaluation set. */
  readonly report: ClassificationReport | null;
  /** Signal to noise of the worst output against the version's fp32, dB; null without samples. */
  readonly outputDecibels: number | null;
}

/** Accuracies are counts of samples; a limit that is met exactly must not fail by the last bit. */
const DIGITS = 1e9;

/**
 * Builds a variant and returns its worst layers to fp32 until it holds the policy: accuracy on the evaluation set, or where there is none
 * signal to noise of the outputs.
 *
 * @param fp32 the version's fp32 network
 * @throws SartorError SRT_QUANTIZE_INACCURATE; SRT_PRUNE_INACCURATE where the network itself was pruned too far
 */
export async function judgeVariant(
  plan: VariantPlan,
  fp32: Uint8Array,
  context: BuildContext,
  progress: BuildProgress,
): Promise<JudgedVariant> {
  const { accuracy } = context.request;
  const { reference } = context;
  const predictions = new WeakMap<Draft, number[]>();
  const decibelsOf = async ({ model }: Draft): Promise<number | null> => {
    const samples = context.signalSamples();
    return samples === undefined ? null : Math.min(...(await compareOutputs(fp32, model, samples)).values());
  };
  const step = `make:${plan.name}`;
  const evaluate = async (draft: Draft): Promise<number> => {
    // Without any sample nobody can tell; such a variant is made, and its card says so.
    if (reference === null) return (await decibelsOf(draft)) ?? Number.POSITIVE_INFINITY;
    progress.say(`Evaluating ${plan.name}`);
    const classes = await context.classify(draft.model, { batch: plan.batch, unfused: plan.unfused, step }, progress);
    predictions.set(draft, classes);
    return share(classes, reference.labels);
  };
  const least =
    reference === null
      ? accuracy.minimumDecibels
      : Math.floor(Math.max(accuracy.minimumAccuracy, reference.accuracy - accuracy.maximumLoss) * DIGITS) / DIGITS;
  const kept = await keepAccuracy({
    policy: { minimumAccuracy: least, maximumFloatLayers: accuracy.maximumFloatLayers },
    errors: plan.errors,
    build: plan.build,
    evaluate,
    onAttempt: ({ floatLayers }) => {
      if (floatLayers.length > 0) progress.say(`Evaluating ${plan.name} with ${floatLayers.length} layers in fp32`);
    },
    ...(reference === null
      ? { shortfall: `The signal to noise of the outputs stays below ${accuracy.minimumDecibels} dB` }
      : {}),
  }).catch((error: unknown) => {
    throw plan.name === "fp32-pruned" ? prunedTooFar(error, least, reference === null) : error;
  });
  const { variant: draft, floatLayers } = kept;
  const classes = predictions.get(draft);
  const outputDecibels = await decibelsOf(draft);
  return {
    draft,
    floatLayers,
    report:
      reference === null || classes === undefined
        ? null
        : classificationReport(
            reference.labels,
            reference.predictions,
            classes,
            context.request.manifest.labels.length,
          ),
    outputDecibels: outputDecibels === null ? null : finiteDecibels(outputDecibels),
  };
}

function prunedTooFar(error: unknown, least: number, byDecibels: boolean): unknown {
  if (!(error instanceof SartorError) || error.code !== "SRT_QUANTIZE_INACCURATE") return error;
  const limit = byDecibels ? `${least} dB of signal to noise` : `an accuracy of ${(least * 100).toFixed(2)} %`;
  return new SartorError(
    "SRT_PRUNE_INACCURATE",
    `The pruned network stays below ${limit}, which the policy asks for.`,
    {
      ...(error.details === undefined ? {} : { details: error.details }),
      cause: error,
    },
  );
}

function share(predictions: readonly number[], labels: Int32Array): number {
  return predictions.filter((prediction, sample) => prediction === labels[sample]).length / Math.max(1, labels.length);
}
