import type { ReportedState } from "@sartor/shared/protocol";
import { z } from "zod";
import type { Clock } from "../platform/index.js";
import type { SettingsStore } from "../storage/index.js";
import type { ReportBody } from "./build-report.js";

/** Reports that follow each other closely are merged: at most one in this time, ms. */
const SHORTEST_INTERVAL_MS = 250;
const SEQUENCE_KEY = "reported.sequence";

export interface ReportPublisherDependencies {
  readonly build: () => ReportBody;
  readonly publish: (report: ReportedState) => void;
  readonly settings: SettingsStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Sends the reported state when it changed, merged over a short time, with a sequence that survives restarts. */
export class ReportPublisher {
  readonly #is: ReportPublisherDependencies;
  #last = "";
  #scheduled = false;
  #sequence: number;

  constructor(dependencies: ReportPublisherDependencies) {
    this.#is = dependencies;
    this.#sequence = dependencies.settings.load(SEQUENCE_KEY, z.number().int().min(0)) ?? 0;
  }

  /** Something may have changed. */
  touch(): void {
    if (this.#scheduled || this.#is.signal.aborted) return;
    this.#scheduled = true;
    this.#is.clock
      .sleep(SHORTEST_INTERVAL_MS, this.#is.signal)
      .then(() => {
        this.#scheduled = false;
        this.flush();
      })
      .catch(() => {
        this.#scheduled = false;
      });
  }

  /** Sends at once when something changed, or in any case when `always` is set. */
  flush(always = false): void {
    const body = this.#is.build();
    // How full the outbox is changes with every message, this one included, and is no reason to send one.
    const text = JSON.stringify({ ...body, outbox: undefined });
    if (text === this.#last && !always) return;
    this.#last = text;
    this.#sequence += 1;
    this.#is.settings.save(SEQUENCE_KEY, this.#sequence);
    this.#is.publish({ ...body, at: this.#is.clock.now(), sequence: this.#sequence });
  }
}
