import { type Calibration, calibrateModel } from "../calibrate/index.js";
import { equaliseLayers, type FoundVariant, searchVariant } from "../precision/index.js";
import { STATIC_RECIPES, type StaticRecipeName } from "../quantize/index.js";
import type { BuildContext } from "./build-context.js";
import type { NetworkDescription } from "./describe-network.js";
import type { BuildProgress } from "./progress.js";

/** The best int8 form of a network that was found. */
export interface FoundQuantization {
  readonly found: FoundVariant;
  /** The fp32 network that it is a form of: the network, or its equalised twin. */
  readonly model: Uint8Array;
  readonly calibration: Calibration;
  readonly equalisedPairs: number;
  readonly tried: readonly (FoundVariant["tried"][number] & { readonly equalised: boolean })[];
}

/** Most samples of a search. */
const MOST_SAMPLES = 300;
/** Fewest samples of a search, however large the network. */
const FEWEST_SAMPLES = 24;
/** Multiply-accumulates of one pass over the samples that a search may cost. */
const SEARCH_MACS = 12e9;
/** Networks up to this size are run in batches. */
const BATCH_MACS = 200e6;
const BATCH = 8;
/** Passes over the samples of one search: errors and two comparisons by each of three methods, and errors at the end. */
const PASSES = 10;

/** One fp32 network of a build (the model's own, or a pruned one) with what is found out about it once. */
export class BuildNetwork {
  readonly #searches = new Map<StaticRecipeName, Promise<FoundQuantization>>();
  #plain: Promise<Calibration> | undefined;
  #equalised: Promise<{ model: Uint8Array; pairs: number; calibration: Calibration } | null> | undefined;

  /**
   * @param name distinguishes the network's steps in the progress
   * @param batches whether it takes several samples at once
   */
  constructor(
    readonly name: string,
    readonly model: Uint8Array,
    readonly description: NetworkDescription | null,
    private readonly batches: boolean,
    private readonly context: BuildContext,
    private readonly progress: BuildProgress,
  ) {}

  get macs(): number {
    return this.description?.macs ?? 0;
  }

  /** Samples of one run that are good for this network. */
  get batch(): number {
    return this.batches && this.macs <= BATCH_MACS ? BATCH : 1;
  }

  /** Ranges of its activations over the whole calibration set. Throws as calibrateModel does. */
  calibration(): Promise<Calibration> {
    this.#plain ??= this.#calibrate(this.model, `calibrate:${this.name}`, "Calibrating");
    return this.#plain;
  }

  /** The best int8 form by a recipe. Throws as searchVariant and calibrateModel do. */
  search(recipe: StaticRecipeName): Promise<FoundQuantization> {
    const key = searchedAs(recipe);
    let search = this.#searches.get(key);
    if (search === undefined) {
      search = this.#search(key);
      this.#searches.set(key, search);
    }
    return search;
  }

  async #search(recipe: StaticRecipeName): Promise<FoundQuantization> {
    const step = `search:${this.name}:${recipe}`;
    const calibration = await this.calibration();
    const equalised = await this.#equalise();
    const models = [{ model: this.model, calibration, pairs: 0 }, ...(equalised === null ? [] : [equalised])];
    const tried: FoundQuantization["tried"][number][] = [];
    let best: FoundQuantization | undefined;
    for (const [index, { model, calibration: ranges, pairs }] of models.entries()) {
      this.progress.say(`Searching the best scales (${recipe}${index === 0 ? "" : ", equalised"})`);
      const found = await searchVariant({
        model,
        recipe: STATIC_RECIPES[recipe],
        calibration: ranges,
        samples: this.#samples(step, index / models.length, 1 / models.length),
      });
      tried.push(...found.tried.map((candidate) => ({ ...candidate, equalised: index > 0 })));
      if (best === undefined || found.decibels > best.found.decibels) {
        best = { found, model, calibration: ranges, equalisedPairs: pairs, tried };
      }
    }
    this.progress.finish(step);
    if (best === undefined) throw new RangeError("nothing was searched");
    return best;
  }

  /** Samples of a search, which it reads several times; every run moves the progress on. */
  #samples(step: string, from: number, share: number) {
    const set = this.context.calibration;
    const most = searchSamples(set?.count ?? 0, this.macs);
    // Corrections are found by one half of the runs and judged by the other: there must be enough of them.
    const batch = most >= 4 * this.batch ? this.batch : 1;
    let seen = 0;
    const { progress } = this;
    return async function* () {
      if (set === null) return;
      for await (const feeds of set.runs({ most, batch })) {
        yield feeds;
        seen += Object.values(feeds)[0]?.shape[0] ?? 1;
        progress.advance(step, from + (share * seen) / (most * PASSES));
      }
    };
  }

  #equalise(): Promise<{ model: Uint8Array; pairs: number; calibration: Calibration } | null> {
    this.#equalised ??= (async () => {
      const step = `equalise:${this.name}`;
      const { model, pairs } = this.context.request.equalise ? equaliseLayers(this.model) : { model: null, pairs: 0 };
      if (model === null || pairs === 0) {
        this.progress.finish(step);
        return null;
      }
      return { model, pairs, calibration: await this.#calibrate(model, step, "Calibrating the equalised network") };
    })();
    return this.#equalised;
  }

  async #calibrate(model: Uint8Array, step: string, text: string): Promise<Calibration> {
    this.progress.say(text);
    const set = this.context.calibration;
    const calibration = await calibrateModel(model, set === null ? [] : set.runs({ batch: this.batch }), {
      onProgress: (samples) => this.progress.advance(step, samples / (set?.count ?? 1)),
    });
    this.progress.finish(step);
    return calibration;
  }
}

/** S8S8 with asymmetric activations is U8S8 with every zero point moved by 128: the same numbers, so the same search. */
export function searchedAs(recipe: StaticRecipeName): StaticRecipeName {
  return recipe === "s8s8" ? "u8s8" : recipe;
}

/** Samples of one search of a network: fewer where each costs more. */
export function searchSamples(count: number, macs: number): number {
  return Math.min(count, MOST_SAMPLES, Math.max(FEWEST_SAMPLES, Math.floor(SEARCH_MACS / Math.max(1, macs))));
}
