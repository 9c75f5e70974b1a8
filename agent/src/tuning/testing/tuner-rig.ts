import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { SartorError } from "@sartor/shared/errors";
import { OutboxStore, openStateDatabase, SettingsStore } from "../../storage/index.js";
import type { Incumbent } from "../ports.js";
import { Tuner, type TuningReportBody } from "../tuner.js";
import { ENVIRONMENT, makeCandidate, makeOrder, QUIET, serving } from "./orders.js";
import { type Behaviour, SimulatedDevice } from "./simulated-device.js";

export const fp32 = makeCandidate("fp32");
export const int8 = makeCandidate("int8");
export const order = makeOrder([int8, fp32]);

/** The state database of one device, which outlives the agents that are started on it. */
export class DeviceState {
  readonly #folder = mkdtempSync(join(tmpdir(), "tuner-"));
  readonly database = openStateDatabase(join(this.#folder, "state.db")).database;

  remove(): void {
    this.database.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** A database that now and then has no room for what is noted of a tuning that ended. */
class CrampedStore extends SettingsStore {
  fails = 0;

  override save(key: string, value: unknown): void {
    const { finished } = value as { finished?: unknown };
    if (finished !== null && this.fails-- > 0) throw new Error("the disk is full");
    super.save(key, value);
  }
}

/** An agent around the tuner, as far as the tuner can tell. */
export class Rig {
  readonly device: SimulatedDevice;
  readonly reports: TuningReportBody[] = [];
  readonly settings: CrampedStore;
  readonly outbox: OutboxStore;
  readonly discards: string[][] = [];
  readonly steps: string[] = [];
  readonly tuner: Tuner;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  incumbent: Incumbent | undefined = serving(fp32);
  environment = ENVIRONMENT;
  mayMeasure = true;
  fetchError: SartorError | undefined;
  /** What happens while a bundle is fetched. */
  whileFetching: () => Promise<void> = async () => undefined;
  reportFails = 0;
  mostResults = 7;

  constructor(
    { database }: DeviceState,
    behaviours: Readonly<Record<string, Behaviour>> = { fp32: { runMs: 4 }, int8: { runMs: 2 } },
    epochMs = 0,
  ) {
    this.settings = new CrampedStore(database);
    this.outbox = new OutboxStore(database);
    this.device = new SimulatedDevice("rig", behaviours, { noise: 0.04 });
    this.device.clock.epoch += epochMs;
    this.tuner = new Tuner({
      loader: this.device,
      store: {
        fetch: async () => {
          await this.whileFetching();
          if (this.fetchError !== undefined) throw this.fetchError;
        },
        discard: async (keep) => {
          this.discards.push([...keep]);
        },
      },
      conditions: this.device,
      settings: this.settings,
      clock: this.device.clock,
      logger: QUIET,
      random: this.device.random,
      incumbent: () => this.incumbent,
      environment: () => this.environment,
      mayMeasure: () => this.mayMeasure,
      report: (body) => {
        if (this.reportFails-- > 0) throw new Error("the disk is full");
        if (body.results.length > this.mostResults) throw new SartorError("SRT_PACKET_TOO_LARGE", "It is too large.");
        this.outbox.enqueue("tuning", Buffer.from(JSON.stringify(body)), "kept");
        this.reports.push(body);
      },
      atomically: (work) => this.outbox.atomically(work),
      onChange: () => this.steps.push(this.tuner.state?.step ?? "none"),
    });
    this.#running = this.tuner.run(this.#end.signal);
  }

  get clock() {
    return this.device.clock;
  }

  /** Lets virtual time pass until something holds. */
  async until(holds: () => boolean): Promise<void> {
    for (let turns = 0; !holds(); turns++) {
      if (turns > 200_000) throw new Error("it never came to that");
      await turn();
    }
  }

  async pass(milliseconds: number): Promise<void> {
    await this.clock.sleep(milliseconds);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }
}
