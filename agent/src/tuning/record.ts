import { isDeepStrictEqual } from "node:util";
import {
  digestSchema,
  type RuntimeSettings,
  runtimeSettingsSchema,
  type TuningCandidate,
  type TuningEnvironment,
  timestampSchema,
  tuningEnvironmentSchema,
  ulidSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import type { SettingsStore } from "../storage/index.js";
import type { Incumbent } from "./ports.js";

const KEY = "tuning.record";

const stateSchema = z.object({
  /** The last tuning that was reported on. */
  finished: z.object({ tuningId: ulidSchema, environment: tuningEnvironmentSchema, at: timestampSchema }).nullable(),
  /** What the last verdict chose and what does not serve yet. */
  chosen: z.object({ bundleId: digestSchema, runtime: runtimeSettingsSchema }).nullable(),
  switchedAt: timestampSchema.nullable(),
  /** Measuring that began and whose end was not seen: the agent died `deaths` times in it, this time perhaps too. */
  begun: z
    .object({ tuningId: ulidSchema, deaths: z.number().int().min(0) })
    .nullable()
    .default(null),
});
type State = z.infer<typeof stateSchema>;

const NOTHING: State = { finished: null, chosen: null, switchedAt: null, begun: null };

/** True when this is what serves, run in the same way. */
export function isServing(incumbent: Incumbent, bundleId: string, runtime: RuntimeSettings): boolean {
  return incumbent.bundleId === bundleId && isDeepStrictEqual(plain(incumbent.runtime), plain(runtime));
}

/** Settings that came from elsewhere may hold keys that are undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** What the tuner must remember over a restart. */
export class TuningRecord {
  readonly #settings: SettingsStore;
  #state: State;

  constructor(settings: SettingsStore) {
    this.#settings = settings;
    this.#state = settings.load(KEY, stateSchema) ?? NOTHING;
  }

  /** The last tuning that was reported on. */
  get finished(): State["finished"] {
    return this.#state.finished;
  }

  /** Bundle that the last verdict chose and that does not serve yet. */
  get chosenBundleId(): string | undefined {
    return this.#state.chosen?.bundleId;
  }

  /** How often in a row the agent died while it measured this tuning. */
  deathsIn(tuningId: string): number {
    const { begun } = this.#state;
    return begun?.tuningId === tuningId ? begun.deaths : 0;
  }

  /** Measuring begins; durable when it returns. Until {@link noteEnded} the agent counts as having died in it. */
  noteBegun(tuningId: string): void {
    this.#save({ ...this.#state, begun: { tuningId, deaths: this.deathsIn(tuningId) + 1 } });
  }

  /** Measuring ended and the agent is alive. */
  noteEnded(): void {
    if (this.#state.begun !== null) this.#save({ ...this.#state, begun: null });
  }

  /** A tuning was reported on; durable when it returns. `chosen` is what a switch leads to. */
  noteFinished(
    tuningId: string,
    environment: TuningEnvironment,
    now: number,
    chosen: TuningCandidate | undefined,
  ): void {
    this.#save({
      ...this.#state,
      finished: { tuningId, environment, at: now },
      chosen: chosen === undefined ? null : { bundleId: chosen.bundle.bundleId, runtime: chosen.runtime },
      begun: null,
    });
  }

  /** Compares what serves with what was chosen; the first time that they agree is the switch. */
  noteIncumbent(incumbent: Incumbent | undefined, now: number): void {
    const { chosen } = this.#state;
    if (chosen === null || incumbent === undefined || !isServing(incumbent, chosen.bundleId, chosen.runtime)) return;
    this.#save({ ...this.#state, chosen: null, switchedAt: now });
  }

  /** Time since the last switch, ms; undefined when there was none. A clock that was set back counts from now. */
  sinceSwitchMs(now: number): number | undefined {
    const { switchedAt } = this.#state;
    if (switchedAt === null) return undefined;
    if (switchedAt > now) this.#save({ ...this.#state, switchedAt: now });
    return Math.max(0, now - switchedAt);
  }

  #save(state: State): void {
    // On a full disk the process still knows what it did.
    this.#state = state;
    this.#settings.save(KEY, state);
  }
}
