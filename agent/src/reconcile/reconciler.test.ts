import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SartorError } from "@sartor/shared/errors";
import type { DesiredState } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BundleInstaller, DeploymentJournal, SlotStore } from "../ota/index.js";
import { type Clock, createLogger, systemClock } from "../platform/index.js";
import { SettingsStore } from "../storage/index.js";
import { MemoryBundleSource, makeBundle, type TestBundle } from "../testing/make-bundle.js";
import { Reconciler } from "./reconciler.js";
import type { ServableBundle, ServingPort } from "./serving-port.js";
import { StepExecutors } from "./step-executors.js";

const clock: Clock = { ...systemClock, sleep: async (_, signal) => signal?.throwIfAborted() };
const logger = createLogger("error", () => undefined);

/** The power went at this very moment. */
class PowerCut extends Error {}

/** A device whose disk outlives its processes. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), "sartor-reconcile-"));
  readonly database = new DatabaseSync(":memory:");
  readonly served: string[] = [];
  /** How many durable writes are left until the power goes; undefined for ever. */
  writesUntilCut: number | undefined;
  journal: DeploymentJournal | undefined;
  slots = new SlotStore(this.folder);
  serving: string | null = null;
  /** Threads of what serves, and of each bundle that served, in order. */
  threads: number | null = null;
  readonly servedThreads: number[] = [];
  /** How often loading fails before it works. */
  loadFailures = 0;

  constructor(
    readonly source: MemoryBundleSource,
    readonly isGood: (bundleId: string, threads: number) => boolean,
  ) {
    this.database.exec("CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  }

  #tick(): void {
    if (this.writesUntilCut === undefined) return;
    this.writesUntilCut -= 1;
    if (this.writesUntilCut < 0) throw new PowerCut("power cut");
  }

  /** Boots and runs until nothing is left to do or the power goes; returns whether it went. */
  async boot(desired: DesiredState): Promise<boolean> {
    let cut = false;
    const off = new AbortController();
    const guard =
      <A extends unknown[], R>(act: (...args: A) => R) =>
      (...args: A): R => {
        try {
          this.#tick();
          const result = act(...args);
          this.#tick();
          return result;
        } catch (error) {
          if (error instanceof PowerCut) {
            cut = true;
            off.abort();
          }
          throw error;
        }
      };
    const settings = new SettingsStore(this.database);
    settings.save = guard(settings.save.bind(settings));
    this.slots = new SlotStore(this.folder);
    const slots = this.slots;
    slots.activate = guard(slots.activate.bind(slots));
    for (const folder of [slots.folder("a"), slots.folder("b")]) {
      folder.clear = guard(folder.clear.bind(folder));
      folder.seal = guard(folder.seal.bind(folder));
    }
    this.journal = new DeploymentJournal(settings);
    this.serving = null;
    const take = ({ bundleId, runtime }: ServableBundle) => {
      this.serving = bundleId;
      this.threads = runtime.intraOpThreads;
      this.served.push(bundleId);
      this.servedThreads.push(runtime.intraOpThreads);
    };
    const serving: ServingPort = {
      servingBundleId: () => this.serving,
      restarts: () => 0,
      isReady: () => true,
      stop: async () => {
        this.serving = null;
      },
      stage: async (installed) => ({
        executionProviders: ["cpu"],
        probe: async () => ({
          passed: this.isGood(installed.bundleId, installed.runtime.intraOpThreads),
          goldenVectors: 1,
          largestAbsoluteError: 0,
          topOneAgreement: 1,
          medianLatencyMs: 1,
          executionProviders: ["cpu"],
        }),
        promote: async () => {
          if (cut) return;
          if (this.loadFailures > 0) {
            this.loadFailures -= 1;
            throw new SartorError("SRT_MODEL_UNSUPPORTED", "not enough memory right now");
          }
          take(installed);
        },
        beginTrial: async () => {
          const former = { bundleId: this.serving, threads: this.threads };
          if (!cut) take(installed);
          return {
            keep: async () => undefined,
            revert: async () => {
              if (cut) return;
              this.serving = former.bundleId;
              this.threads = former.threads;
            },
          };
        },
        discard: async () => undefined,
      }),
    };
    const installer = new BundleInstaller({ source: this.source, clock, complete: () => slots.allInstalled() });
    const onChange = () => undefined;
    const executors = new StepExecutors({ journal: this.journal, slots, installer, serving, clock, logger, onChange });
    const reconciler = new Reconciler({
      journal: this.journal,
      serving,
      executors,
      settings,
      clock,
      logger,
      onChange,
      random: () => 0,
    });
    try {
      reconciler.accept(desired);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    const run = reconciler.run(off.signal);
    const settled = async () => {
      for (let calm = 0; calm < 3 && !off.signal.aborted; ) {
        await new Promise((resolve) => setImmediate(resolve));
        const status = this.journal?.record?.status;
        calm =
          status !== "in_progress" &&
          status !== undefined &&
          this.journal?.record?.deployment.deploymentId === desired.deployment?.deploymentId
            ? calm + 1
            : 0;
      }
      off.abort();
    };
    // The loop never rejects, whatever fails inside it.
    await Promise.all([run, settled()]);
    return cut;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const desiredOf = (bundle: TestBundle, generation: number, intraOpThreads?: number): DesiredState => ({
  schemaVersion: 1,
  deviceId: "device-1",
  generation,
  issuedAt: 0,
  deployment: {
    deploymentId: `01J000000000000000000000${String(generation).padStart(2, "0")}`,
    rolloutId: "01J00000000000000000000000",
    bundle: { bundleId: bundle.bundleId, manifestBytes: bundle.bytes.byteLength, model: "road-sign", version: "1.0.0" },
    ...(intraOpThreads === undefined ? {} : { runtime: { ...bundle.manifest.runtime, intraOpThreads } }),
    probe: { deadlineMs: 60_000, soakMs: 0 },
  },
  tuning: null,
  telemetry: { windowSeconds: 60 },
});

describe("a device that is told to install bundles", () => {
  const bundles = [makeBundle(1, 1000, 1500), makeBundle(2, 1000, 1500), makeBundle(3, 1000, 1500)] as const;
  const [first, second] = bundles;

  it("installs, proves and serves the bundle", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    await machine.boot(desiredOf(first, 1));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded", step: "done" });
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("keeps the old bundle serving when the new one fails its probe, and says why", async () => {
    const machine = new Machine(new MemoryBundleSource(first, second), (bundleId) => bundleId === first.bundleId);
    await machine.boot(desiredOf(first, 1));
    await machine.boot(desiredOf(second, 2));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    expect(machine.journal?.committed?.bundleId).toBe(first.bundleId);
    expect(machine.served).not.toContain(second.bundleId);
    machine.dispose();
  });

  it("goes on with new deployments, and comes back to the old bundle, when that cannot be loaded for a while", async () => {
    const machine = new Machine(new MemoryBundleSource(first, second), (bundleId) => bundleId === first.bundleId);
    await machine.boot(desiredOf(first, 1));
    machine.loadFailures = 5;
    await machine.boot(desiredOf(second, 2));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    machine.loadFailures = 5;
    await machine.boot(desiredOf(first, 3));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded" });
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("runs the same bundle in another way when told to: nothing is fetched, it proves itself first, and a restart keeps it", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    await machine.boot(desiredOf(first, 1));
    const before = machine.source.sentBytes;
    await machine.boot(desiredOf(first, 2, 3));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded", step: "done" });
    expect(machine.journal?.committed?.runtime?.intraOpThreads).toBe(3);
    expect(machine.servedThreads).toEqual([1, 1, 3]);
    expect(machine.source.sentBytes).toBe(before);
    await machine.boot(desiredOf(first, 2, 3));
    expect(machine.threads).toBe(3);
    await machine.boot(desiredOf(first, 3));
    expect(machine.journal?.committed?.runtime).toBeUndefined();
    expect(machine.threads).toBe(1);
    machine.dispose();
  });

  it("goes back to the way in which it ran when the same bundle fails its probe in another", async () => {
    const machine = new Machine(new MemoryBundleSource(first), (_, threads) => threads < 4);
    await machine.boot(desiredOf(first, 1, 2));
    await machine.boot(desiredOf(first, 2, 4));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    expect(machine.journal?.committed).toMatchObject({ bundleId: first.bundleId, runtime: { intraOpThreads: 2 } });
    expect(machine.threads).toBe(2);
    await machine.boot(desiredOf(first, 2, 4));
    expect(machine.threads).toBe(2);
    machine.dispose();
  });

  it("takes a bundle of a schema that it does not know for damaged, and fetches what is wanted instead of crashing", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    // As an agent of another version left it: a journal without settings, a manifest that says neither kind nor precision.
    const { kind, golden, ...variant } = first.manifest.variant;
    const old = JSON.stringify({ ...first.manifest, variant });
    const bundleId = `sha256:${createHash("sha256").update(old).digest("hex")}`;
    const { path } = machine.slots.folder("a");
    writeFileSync(join(path, "bundle.json"), old);
    writeFileSync(join(path, "sealed.json"), JSON.stringify({ bundleId, installedAt: 1 }));
    machine.slots.activate("a");
    new SettingsStore(machine.database).save("deployment", { committed: { slot: "a", bundleId }, record: null });
    await machine.boot(desiredOf(first, 1));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded" });
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("takes the active bundle over when the journal was lost, so that it serves without a network", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    await machine.boot(desiredOf(first, 1));
    machine.database.exec("DELETE FROM setting");
    machine.source.disturb = () => {
      throw new SartorError("SRT_DOWNLOAD_FAILED", "no network");
    };
    await machine.boot(desiredOf(first, 1));
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("ends with one whole bundle wherever the power goes, how often soever", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bundle: fc.nat(2), good: fc.boolean(), cuts: fc.array(fc.nat(14), { maxLength: 3 }) }), {
          minLength: 1,
          maxLength: 3,
        }),
        async (deployments) => {
          let goodNow = true;
          const machine = new Machine(new MemoryBundleSource(...bundles), () => goodNow);
          try {
            for (const [index, { bundle, good, cuts }] of deployments.entries()) {
              const wanted = bundles[bundle] ?? first;
              const before = machine.journal?.committed?.bundleId;
              // A bundle that is committed already stays good: the model does not change on the disk.
              goodNow = good || wanted.bundleId === before;
              for (const cut of cuts) {
                machine.writesUntilCut = cut;
                await machine.boot(desiredOf(wanted, index + 1));
                const active = machine.slots.active();
                const committed = machine.journal?.committed;
                if (committed) expect(machine.slots.installed(committed.slot)?.bundleId).toBe(committed.bundleId);
                if (active) expect(machine.slots.installed(active)).toBeDefined();
              }
              machine.writesUntilCut = undefined;
              await machine.boot(desiredOf(wanted, index + 1));
              const { record, committed } = machine.journal ?? {};
              const looped = record?.error?.code === "SRT_PROBE_LOOP";
              const expected = goodNow && !looped ? wanted.bundleId : before;
              expect(record?.status).toBe(expected === wanted.bundleId && !looped ? "succeeded" : "failed");
              expect(committed?.bundleId).toBe(expected);
              if (committed) expect(machine.slots.active()).toBe(committed.slot);
              // The serving bundle is the committed one, whole.
              goodNow = true;
              await machine.boot(desiredOf(wanted, index + 1));
              expect(machine.serving).toBe(committed?.bundleId ?? null);
            }
          } finally {
            machine.dispose();
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
