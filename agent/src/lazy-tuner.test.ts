import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LazyTuner, TUNING_RECORD_KEY } from "./lazy-tuner.js";
import { systemClock } from "./platform/index.js";
import { OutboxStore, openStateDatabase, SettingsStore } from "./storage/index.js";
import type { Incumbent, TunerOptions } from "./tuning/index.js";

const BUNDLE_ID = `sha256:${"c".repeat(64)}`;
const runtime: Incumbent["runtime"] = {
  adapter: "onnxruntime-node",
  executionProviders: ["cpu"],
  intraOpThreads: 2,
  graphOptimizationLevel: "all",
  sessionConfig: {},
  providerOptions: {},
};
/** As a verdict leaves it: what was chosen is still to be deployed. */
const PENDING = { finished: null, chosen: { bundleId: BUNDLE_ID, runtime }, switchedAt: null };

let folder = "";
let database: ReturnType<typeof openStateDatabase>["database"];
let settings: SettingsStore;
const ending = { controller: new AbortController() };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lazy-tuner-"));
  database = openStateDatabase(join(folder, "state.db")).database;
  settings = new SettingsStore(database);
  ending.controller = new AbortController();
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

/** A device that was just started; no order stands. */
function start(serving: () => Incumbent | undefined) {
  const discards: string[][] = [];
  const options: TunerOptions = {
    loader: { open: () => Promise.reject(new Error("nothing is ordered")) },
    store: {
      fetch: () => Promise.reject(new Error("nothing is ordered")),
      discard: async (keep) => void discards.push([...keep]),
    },
    conditions: { read: () => Promise.reject(new Error("nothing is ordered")) },
    settings,
    clock: systemClock,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    random: Math.random,
    incumbent: serving,
    environment: () => undefined,
    mayMeasure: () => true,
    report: () => undefined,
    atomically: (work) => new OutboxStore(database).atomically(work),
    onChange: () => undefined,
  };
  const tuner = new LazyTuner(options, ending.controller.signal);
  tuner.accept(null);
  const end = async () => {
    ending.controller.abort();
    await tuner.ended();
  };
  const until = async (holds: () => boolean) => {
    for (let turns = 0; !holds(); turns++) {
      if (turns > 100_000) throw new Error("it never came to that");
      await turn();
    }
  };
  return { tuner, discards, until, end };
}

describe("a device without an order", () => {
  it("removes what was fetched for former ones", async () => {
    const { discards, until, end } = start(() => undefined);
    await until(() => discards.length === 1);
    expect(discards).toEqual([[]]);
    await end();
  });

  it("keeps what a verdict chose before a restart, and notes at once when it serves", async () => {
    settings.save(TUNING_RECORD_KEY, PENDING);
    let serving: Incumbent | undefined;
    const { tuner, discards, until, end } = start(() => serving);
    await until(() => discards.length === 1);
    expect(discards).toEqual([[BUNDLE_ID]]);
    serving = { bundleId: BUNDLE_ID, model: "m", version: "1", variant: { name: "int8", kind: "fp32" }, runtime };
    const before = Date.now();
    tuner.wake();
    await until(() => discards.length === 2);
    expect(discards[1]).toEqual([]);
    const { value } = database.prepare("SELECT value FROM setting WHERE key = ?").get(TUNING_RECORD_KEY) as {
      value: string;
    };
    expect(JSON.parse(value)).toMatchObject({ chosen: null });
    expect(JSON.parse(value).switchedAt).toBeGreaterThanOrEqual(before);
    await end();
  });
});
