import { SartorError } from "@sartor/shared/errors";
import type { RuntimeSettings, VariantName } from "@sartor/shared/protocol";
import { classificationReport } from "../measure/index.js";
import { type JudgedVariant, judgeVariant } from "./accuracy-gate.js";
import { BuildContext, digestOf } from "./build-context.js";
import type { BuildEvent, BuildLimits, BuildRequest, MadeVariant } from "./build-request.js";
import { diskFailure } from "./disk-failure.js";
import { memoryFailure } from "./memory-failure.js";
import { planConverted } from "./plan-converted.js";
import { planProgress } from "./plan-progress.js";
import { planStatic } from "./plan-static.js";
import { type PreparedNetwork, prepareNetwork } from "./prepare-network.js";
import { BuildProgress } from "./progress.js";
import { PrunedNetwork } from "./pruned-network.js";
import { type CardFacts, type CardNetwork, fp32Card, variantCard } from "./variant-card.js";
import { goldenOf } from "./variant-golden.js";
import { isPruned, kindOf, recipeOf, type VariantPlan } from "./variant-plan.js";
import { removePartial, writeWhole } from "./write-variant.js";

/** Makes the variants of a request, one after the other, in this process. Throws as buildVariants does. */
export async function makeVariants(
  request: BuildRequest,
  limits: BuildLimits,
  emit: (event: BuildEvent) => Promise<void>,
  now: () => number,
): Promise<void> {
  await removePartial(request.outputFolder);
  const context = await BuildContext.open(request, limits, emit, now);
  try {
    const prepared = await prepareNetwork(context);
    await new VariantMaker(context, prepared).run();
  } catch (thrown) {
    throw endOfBuild(thrown, limits) ?? thrown;
  } finally {
    await context.close();
  }
}

/** What no variant of the build could survive; undefined for anything that concerns one variant. */
function endOfBuild(thrown: unknown, { memoryBytes }: BuildLimits): Error | undefined {
  return memoryFailure(thrown, memoryBytes) ?? diskFailure(thrown);
}

class VariantMaker {
  readonly #progress: BuildProgress;
  readonly #network: CardNetwork;
  readonly #pruned: PrunedNetwork;

  constructor(
    private readonly context: BuildContext,
    private readonly prepared: PreparedNetwork,
  ) {
    const { request, calibration, evaluation, now, emit } = context;
    this.#progress = new BuildProgress(
      planProgress({
        variants: request.variants,
        calibration: calibration?.count ?? 0,
        evaluation: evaluation?.count ?? 0,
        equalise: request.equalise,
        macs: prepared.description?.macs ?? 0,
      }),
      now,
      (progress) => void emit({ type: "progress", ...progress }),
    );
    this.#network = {
      folded: digestOf(prepared.model),
      description: prepared.description,
      parameters: prepared.parameters,
      pruning: null,
    };
    this.#pruned = new PrunedNetwork(prepared, context, this.#progress);
  }

  async run(): Promise<void> {
    const { request, emit } = this.context;
    if (request.variants.includes("fp32")) await this.#makeFp32();
    if (this.context.evaluation !== null) await this.#evaluateFp32();
    for (const name of request.variants) {
      if (name === "fp32") continue;
      await emit({ type: "started", name });
      try {
        await emit({ type: "made", variant: await this.#make(name) });
      } catch (thrown) {
        if (endOfBuild(thrown, this.context.limits) !== undefined) throw thrown;
        await emit({ type: "refused", name, error: SartorError.from(thrown).toBody() });
      }
      this.#progress.finish(`make:${name}`);
    }
    this.#progress.end();
  }

  async #makeFp32(): Promise<void> {
    const { request, emit } = this.context;
    await emit({ type: "started", name: "fp32" });
    this.#progress.say("Writing fp32");
    const modelPath = await writeWhole(request.outputFolder, "fp32.onnx", this.prepared.model);
    const golden = await this.context.goldenFile();
    const variant: MadeVariant = {
      name: "fp32",
      kind: "fp32",
      modelPath,
      goldenPath: await writeWhole(request.outputFolder, "fp32.golden.safetensors", golden),
      golden: request.manifest.golden,
      runtime: runtimeOf("fp32"),
      card: fp32Card(this.context, this.#fp32Facts(), null),
    };
    await emit({ type: "made", variant });
    this.#progress.finish("make:fp32");
  }

  #fp32Facts(): CardFacts {
    const { model, notes, tookMs } = this.prepared;
    return { network: this.#network, bytes: model.byteLength, buildMs: tookMs, notes };
  }

  async #evaluateFp32(): Promise<void> {
    this.#progress.say("Evaluating fp32");
    const { model, network } = this.prepared;
    const batch = network(this.#progress).batch;
    const reference = await this.context.refer(model, { batch, step: "evaluate:fp32" }, this.#progress);
    this.#progress.finish("evaluate:fp32");
    if (reference === null) return;
    const { labels, predictions } = reference;
    const report = classificationReport(labels, predictions, predictions, this.context.request.manifest.labels.length);
    await this.context.emit({ type: "evaluated", card: fp32Card(this.context, this.#fp32Facts(), report) });
  }

  async #make(name: VariantName): Promise<MadeVariant> {
    const { context } = this;
    const started = context.now();
    this.#progress.say(`Making ${name}`);
    const pruned = isPruned(name) ? await this.#pruned.network(name) : undefined;
    const network = pruned?.network ?? this.prepared.network(this.#progress);
    const plan = await this.#plan(name, network);
    const judged = await judgeVariant(plan, this.prepared.model, context, this.#progress);
    this.#progress.say(`Computing the golden vectors of ${name}`);
    const keepFloat = new Set(judged.floatLayers);
    const { file, golden } = await goldenOf(
      {
        variant: judged.draft.model,
        fusedCounts: !plan.unfused,
        twin: await plan.twin?.(keepFloat),
        exact: plan.roundsMoreOnDevices ? plan.network.model : undefined,
      },
      context.request.manifest,
      context.golden,
    );
    const { model } = judged.draft;
    const facts: CardFacts = {
      network: pruned?.card(this.#network) ?? this.#network,
      bytes: model.byteLength,
      buildMs: 0,
      notes: [...plan.notes, ...notesOn(judged)],
    };
    const card = await variantCard(context, plan, kindOf(name), judged, facts);
    return {
      name,
      kind: kindOf(name),
      goldenPath: await writeWhole(context.request.outputFolder, `${name}.golden.safetensors`, file),
      modelPath: await writeWhole(context.request.outputFolder, `${name}.onnx`, model),
      golden,
      runtime: runtimeOf(name),
      card: { ...card, buildMs: Math.round(context.now() - started) },
    };
  }

  async #plan(name: VariantName, network: VariantPlan["network"]): Promise<VariantPlan> {
    if (name === "fp32-pruned") return this.#pruned.plan(network);
    return recipeOf(name) === undefined
      ? planConverted(name, network, this.context)
      : planStatic(name, network, this.context);
  }
}

/** How a variant is run where no plan says otherwise: safe on any device of its kind. */
function runtimeOf(name: VariantName): RuntimeSettings {
  return {
    adapter: "onnxruntime-node",
    executionProviders: [name === "int8-tensorrt" ? "tensorrt" : "cpu"],
    intraOpThreads: 1,
    graphOptimizationLevel: "all",
    sessionConfig: { "session.intra_op.allow_spinning": "0" },
    providerOptions: {},
  };
}

function notesOn({ floatLayers, report, outputDecibels }: JudgedVariant): string[] {
  const notes: string[] = [];
  if (floatLayers.length > 0) {
    const more = floatLayers.length > 8 ? ` and ${floatLayers.length - 8} more` : "";
    notes.push(
      `To hold the accuracy policy these layers compute in fp32: ${floatLayers.slice(0, 8).join(", ")}${more}.`,
    );
  }
  if (report === null && outputDecibels === null) {
    notes.push("How accurate it is, nobody knows: there was no sample to compare it with fp32.");
  }
  return notes;
}
