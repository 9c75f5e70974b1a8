import { SartorError } from "@sartor/shared/errors";
import type { VariantName } from "@sartor/shared/protocol";
import { type PrunedModel, pruneChannels } from "../prune/index.js";
import { judgeVariant } from "./accuracy-gate.js";
import type { BuildContext } from "./build-context.js";
import { BuildNetwork } from "./build-network.js";
import { describeNetwork } from "./describe-network.js";
import type { PreparedNetwork } from "./prepare-network.js";
import type { BuildProgress } from "./progress.js";
import type { CardNetwork } from "./variant-card.js";
import type { VariantPlan } from "./variant-plan.js";

/** Samples from which pruning learns what removed channels gave on average. */
const SAMPLES = 64;
const MOST_LAYERS = 256;

/** The pruned network of one build, with the part of the card that tells of it. */
export interface Pruned {
  readonly network: BuildNetwork;
  readonly card: (whole: CardNetwork) => CardNetwork;
}

/** Prunes the network once, and refuses what is made of it where the pruned network itself is not accurate enough. */
export class PrunedNetwork {
  #pruned: Promise<Pruned> | undefined;
  #judged: Promise<unknown> | undefined;

  constructor(
    private readonly prepared: PreparedNetwork,
    private readonly context: BuildContext,
    private readonly progress: BuildProgress,
  ) {}

  /**
   * The pruned network, for a variant of this name.
   *
   * @throws SartorError SRT_PRUNE_NOTHING; SRT_PRUNE_INACCURATE for int8 of a network that was pruned too far
   */
  async network(name: VariantName): Promise<Pruned> {
    this.#pruned ??= this.#prune();
    const pruned = await this.#pruned;
    if (name !== "fp32-pruned") {
      this.#judged ??= judgeVariant(this.plan(pruned.network), this.prepared.model, this.context, this.progress);
      await this.#judged;
    }
    return pruned;
  }

  /** fp32 of the pruned network as a variant. */
  plan(network: BuildNetwork): VariantPlan {
    return {
      name: "fp32-pruned",
      network,
      build: async () => ({ model: network.model, kept: [] }),
      errors: [],
      calibration: null,
      notes: [
        "Channels were removed from the network: it is another network, which answers much like the one it comes from.",
      ],
      unfused: false,
      batch: network.batch,
      roundsMoreOnDevices: false,
      linted: false,
    };
  }

  async #prune(): Promise<Pruned> {
    const { context, prepared, progress } = this;
    const { share } = context.request.pruning;
    progress.say(`Pruning ${(share * 100).toFixed(0)} % of the channels`);
    const samples = context.calibration?.runs({ most: SAMPLES });
    const pruned: PrunedModel = await pruneChannels(prepared.model, {
      share,
      ...(samples === undefined ? {} : { samples }),
    });
    const [feeds] = context.goldenFeeds() ?? [];
    if (feeds === undefined) throw new SartorError("SRT_PRUNE_NOTHING", "Only networks of FP32 inputs are pruned.");
    const description = await describeNetwork(pruned.model, feeds);
    const { removedChannels } = pruned;
    const layers = pruned.layers.slice(0, MOST_LAYERS).map(({ name, before, after }) => ({ name, before, after }));
    return {
      network: new BuildNetwork("pruned", pruned.model, description, prepared.batches, context, progress),
      card: (whole) => ({ ...whole, description, pruning: { share, removedChannels, layers } }),
    };
  }
}
