import type { ReportedState } from "@sartor/shared/protocol";
import { z } from "zod";
import type { Clock, Logger } from "../platform/index.js";
import type { SettingsStore } from "../storage/index.js";
import type { ReportBody } from "./build-report.js";

/** Reports that follow each other closely are merged: at most one in this time, ms. */
const SHORTEST_INTERVAL_MS = 250;
/** After a report that could not be stored, ms. */
const RETRY_MS = 5_000;
const SEQUENCE_KEY = "reported.sequence";

export interface ReportPublisherDependencies {
  readonly build: () => ReportBody;
  /** Stores the report for sending, durable with the transaction it is part of. */
  readonly publish: (report: ReportedState) => void;
  /** Runs work in one transaction of the settings' database. */
  readonly atomically: (work: () => void) => void;
  readonly logger: Logger;
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
    this.#schedule(SHORTEST_INTERVAL_MS);
  }

  /** Sends at once when something changed, or in any case when `always` is set. Never throws: what cannot be stored is tried again. */
  flush(always = false): void {
    const { build, publish, atomically, settings, clock, logger } = this.#is;
    try {
      const body = build();
      // How full the outbox is changes with every message, this one included, and is no reason to send one.
      const text = JSON.stringify({ ...body, outbox: undefined });
      if (text === this.#last && !always) return;
      const sequence = this.#sequence + 1;
      atomically(() => {
        settings.save(SEQUENCE_KEY, sequence);
        publish({ ...body, at: clock.now(), sequence });
      });
      this.#sequence = sequence;
      this.#last = text;
    } catch (error) {
      logger.error("a report could not be stored and is tried again", { error });
      this.#last = "";
      this.#schedule(RETRY_MS);
    }
  }

  #schedule(waitMs: number): void {
    if (this.#scheduled || this.#is.signal.aborted) return;
    this.#scheduled = true;
    const done = () => {
      this.#scheduled = false;
    };
    this.#is.clock.sleep(waitMs, this.#is.signal).then(() => {
      done();
      this.flush();
    }, done);
  }
}
