import { createRequire } from "node:module";
import type { VariantCard } from "@sartor/shared/protocol";
import * as ort from "onnxruntime-node";
import { lintFusion } from "../lint/index.js";
import type { ClassificationReport } from "../measure/index.js";
import type { JudgedVariant } from "./accuracy-gate.js";
import type { BuildContext } from "./build-context.js";
import { datasetReference, finiteDecibels } from "./card-values.js";
import type { NetworkDescription } from "./describe-network.js";
import type { VariantPlan } from "./variant-plan.js";

/** Most entries of a list of a card. */
const MOST = 256;
const TEXT = 256;
const VERSION: string = createRequire(import.meta.url)("../../package.json").version;

/** The network that a variant is a form of, as its card tells it. */
export interface CardNetwork {
  /** Digest of the version's folded fp32 model. */
  readonly folded: string;
  /** Null where it could not be run on its golden inputs as samples. */
  readonly description: NetworkDescription | null;
  /** Elements of all constants, where nothing better is known. */
  readonly parameters: number;
  readonly pruning: VariantCard["pruning"];
}

/** What goes into a card beside the plan and what was measured. */
export interface CardFacts {
  readonly network: CardNetwork;
  readonly bytes: number;
  readonly buildMs: number;
  readonly notes: readonly string[];
}

/** The card of the fp32 variant; with an evaluation set once it was classified. */
export function fp32Card(context: BuildContext, facts: CardFacts, report: ClassificationReport | null): VariantCard {
  return {
    ...commonFacts(facts),
    name: "fp32",
    kind: "fp32",
    accuracy: accuracyOf(context, report),
    signal: null,
    calibration: null,
    floatLayers: [],
    keptLayers: [],
    fusion: null,
    lineage: { ...lineageOf(context, facts.network), calibration: null },
  };
}

/** The card of any other variant. */
export async function variantCard(
  context: BuildContext,
  plan: VariantPlan,
  kind: VariantCard["kind"],
  judged: JudgedVariant,
  facts: CardFacts,
): Promise<VariantCard> {
  const { draft, floatLayers, outputDecibels } = judged;
  const calibrated = plan.calibration !== null || (facts.network.pruning !== null && context.calibration !== null);
  return {
    ...commonFacts(facts),
    name: plan.name,
    kind,
    accuracy: accuracyOf(context, judged.report),
    signal:
      outputDecibels === null
        ? null
        : {
            outputDecibels,
            layers: plan.errors
              .toSorted((a, b) => a.decibels - b.decibels)
              .slice(0, MOST)
              .map(({ name, operator, decibels }) => {
                return { name: text(name), operator: text(operator), decibels: finiteDecibels(decibels) };
              }),
          },
    calibration: plan.calibration,
    floatLayers: floatLayers.map(text),
    keptLayers: draft.kept
      .filter(({ name }) => !floatLayers.includes(name))
      .slice(0, MOST)
      .map(({ name, operator, reason }) => ({ name: text(name), reason: `${operator}: ${reason}`.slice(0, 1024) })),
    fusion: plan.linted ? await fusionOf(draft.model, context.processor.name, context.request.outputFolder) : null,
    lineage: {
      ...lineageOf(context, facts.network),
      calibration: calibrated ? (context.request.calibration?.digest ?? null) : null,
    },
  };
}

function commonFacts({ network, bytes, buildMs, notes }: CardFacts) {
  const { description } = network;
  return {
    schemaVersion: 1,
    cost: { bytes, weights: description?.cost.weights ?? network.parameters, macs: description?.macs ?? 0 },
    pruning: network.pruning,
    network: { family: description?.family ?? "other", activationBytes: description?.activationBytes ?? 0 },
    buildMs: Math.round(buildMs),
    notes: [
      ...(description === null ? ["Its arithmetic could not be counted: it does not run on float samples alone."] : []),
      ...notes,
    ].slice(0, 64),
  } as const;
}

function accuracyOf({ request }: BuildContext, report: ClassificationReport | null): VariantCard["accuracy"] {
  if (request.evaluation === null || report === null) return null;
  const { accuracy, referenceAccuracy, agreement, onlyVariantRight, onlyReferenceRight, pValue } = report;
  return {
    dataset: datasetReference(request.evaluation),
    accuracy,
    referenceAccuracy,
    agreement,
    onlyVariantRight,
    onlyReferenceRight,
    pValue: Math.min(1, pValue),
    recallByClass: [...report.recallByClass],
  };
}

function lineageOf({ request }: BuildContext, { folded }: CardNetwork) {
  return {
    model: request.modelDigest,
    folded,
    evaluation: request.evaluation?.digest ?? null,
    builder: `@sartor/onnx ${VERSION}`,
    onnxRuntimeVersion: ort.env.versions.node ?? ort.env.versions.common,
  };
}

async function fusionOf(model: Uint8Array, processor: string, folder: string): Promise<VariantCard["fusion"]> {
  const { int8Nodes, conversions, unfused } = await lintFusion(model, { inProcess: true, folder });
  return {
    processor: text(processor),
    int8Nodes,
    conversions,
    unfused: unfused.slice(0, MOST).map(({ name, operator, reason }) => {
      return { name: text(name), operator: text(operator), reason };
    }),
  };
}

function text(value: string): string {
  return value.slice(0, TEXT);
}
