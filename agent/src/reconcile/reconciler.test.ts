import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SartorError } from "@sartor/shared/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BundleInstaller, DeploymentJournal, SlotStore } from "../ota/index.js";
import { type Clock, createLogger, systemClock } from "../platform/index.js";
import { SettingsStore } from "../storage/index.js";
import { MemoryBundleSource, makeBundle, type TestBundle } from "../testing/make-bundle.js";
import type { AcceptableOrder } from "./kept-order.js";
import { ORDER_KEY, Reconciler } from "./reconciler.js";
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
  /** Release floors, by model; as durable as the disk. */
  readonly floors = new Map<string, number>();
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

  /** Boots, with an order that was verified or without a network, and runs until nothing is left to do or the power goes; returns whether it went. */
  async boot(order?: AcceptableOrder): Promise<boolean> {
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
    const { journal } = this;
    const floors = {
      floorOf: (model: string) => this.floors.get(model) ?? 0,
      noteInstalled: guard((model: string, counter: number) => void this.floors.set(model, counter)),
    };
    const executors = new StepExecutors({ journal, slots, installer, serving, floors, clock, logger, onChange });
    const reconciler = new Reconciler({
      journal,
      serving,
      executors,
      floors,
      settings,
      clock,
      logger,
      onChange,
      random: () => 0,
    });
    try {
      if (order !== undefined) reconciler.accept(order);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    const run = reconciler.run(off.signal);
    const settled = async () => {
      for (let calm = 0; calm < 3 && !off.signal.aborted; ) {
        await new Promise((resolve) => setImmediate(resolve));
        calm = reconciler.isBusy ? 0 : calm + 1;
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

/** A verified order for a bundle. */
const orderOf = (bundle: TestBundle, generation: number, intraOpThreads?: number, releaseCounter = 1) =>
  ({
    desired: {
      schemaVersion: 1,
      deviceId: "device-1",
      generation,
      issuedAt: 0,
      deployment: {
        deploymentId: `01J000000000000000000000${String(generation).padStart(2, "0")}`,
        rolloutId: "01J00000000000000000000000",
        bundle: {
          bundleId: bundle.bundleId,
          manifestBytes: bundle.manifestBytes,
          model: "road-sign",
          version: "1.0.0",
        },
        ...(intraOpThreads === undefined ? {} : { runtime: { ...bundle.manifest.runtime, intraOpThreads } }),
        probe: { deadlineMs: 60_000, soakMs: 0 },
      },
      tuning: null,
      telemetry: { windowSeconds: 60 },
    },
    bundles: new Map([[bundle.bundleId, { releaseCounter }]]),
  }) satisfies AcceptableOrder;
/** The same bundle, of a release with that counter. */
const released = (bundle: TestBundle, generation: number, releaseCounter: number) =>
  orderOf(bundle, generation, undefined, releaseCounter);

describe("a device that is told to install bundles", () => {
  const bundles = [makeBundle(1, 1000, 1500), makeBundle(2, 1000, 1500), makeBundle(3, 1000, 1500)] as const;
  const [first, second] = bundles;

  it("installs, proves and serves the bundle", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    await machine.boot(orderOf(first, 1));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded", step: "done" });
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("keeps the old bundle serving when the new one fails its probe, and says why", async () => {
    const machine = new Machine(new MemoryBundleSource(first, second), (bundleId) => bundleId === first.bundleId);
    await machine.boot(orderOf(first, 1));
    await machine.boot(orderOf(second, 2));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    expect(machine.journal?.committed?.bundleId).toBe(first.bundleId);
    expect(machine.served).not.toContain(second.bundleId);
    machine.dispose();
  });

  it("goes on with new deployments, and comes back to the old bundle, when that cannot be loaded for a while", async () => {
    const machine = new Machine(new MemoryBundleSource(first, second), (bundleId) => bundleId === first.bundleId);
    await machine.boot(orderOf(first, 1));
    machine.loadFailures = 5;
    await machine.boot(orderOf(second, 2));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    machine.loadFailures = 5;
    await machine.boot(orderOf(first, 3));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded" });
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("runs the same bundle in another way when told to: nothing is fetched, it proves itself first, and a restart keeps it", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    await machine.boot(orderOf(first, 1));
    const before = machine.source.sentBytes;
    await machine.boot(orderOf(first, 2, 3));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded", step: "done" });
    expect(machine.journal?.committed?.runtime?.intraOpThreads).toBe(3);
    expect(machine.servedThreads).toEqual([1, 1, 3]);
    expect(machine.source.sentBytes).toBe(before);
    await machine.boot(orderOf(first, 2, 3));
    expect(machine.threads).toBe(3);
    await machine.boot(orderOf(first, 3));
    expect(machine.journal?.committed?.runtime).toBeUndefined();
    expect(machine.threads).toBe(1);
    machine.dispose();
  });

  it("goes back to the way in which it ran when the same bundle fails its probe in another", async () => {
    const machine = new Machine(new MemoryBundleSource(first), (_, threads) => threads < 4);
    await machine.boot(orderOf(first, 1, 2));
    await machine.boot(orderOf(first, 2, 4));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    expect(machine.journal?.committed).toMatchObject({ bundleId: first.bundleId, runtime: { intraOpThreads: 2 } });
    expect(machine.threads).toBe(2);
    await machine.boot(orderOf(first, 2, 4));
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
    await machine.boot(orderOf(first, 1));
    expect(machine.journal?.record).toMatchObject({ status: "succeeded" });
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("takes the active bundle over when the journal was lost, so that it serves without a network", async () => {
    const machine = new Machine(new MemoryBundleSource(first), () => true);
    await machine.boot(orderOf(first, 1));
    machine.database.exec("DELETE FROM setting");
    machine.source.disturb = () => {
      throw new SartorError("SRT_DOWNLOAD_FAILED", "no network");
    };
    await machine.boot(orderOf(first, 1));
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
                await machine.boot(orderOf(wanted, index + 1));
                const active = machine.slots.active();
                const committed = machine.journal?.committed;
                if (committed) expect(machine.slots.installed(committed.slot)?.bundleId).toBe(committed.bundleId);
                if (active) expect(machine.slots.installed(active)).toBeDefined();
              }
              machine.writesUntilCut = undefined;
              await machine.boot(orderOf(wanted, index + 1));
              const { record, committed } = machine.journal ?? {};
              const looped = record?.error?.code === "SRT_PROBE_LOOP";
              const expected = goodNow && !looped ? wanted.bundleId : before;
              expect(record?.status).toBe(expected === wanted.bundleId && !looped ? "succeeded" : "failed");
              expect(committed?.bundleId).toBe(expected);
              if (committed) expect(machine.slots.active()).toBe(committed.slot);
              // The serving bundle is the committed one, whole.
              goodNow = true;
              await machine.boot(orderOf(wanted, index + 1));
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

describe("a device that follows signed releases", () => {
  const [first, second] = [makeBundle(1, 1000, 1500), makeBundle(2, 1000, 1500)] as const;
  const source = () => new MemoryBundleSource(first, second);

  it("goes on with a verified order after a restart without a network, and installs what is here", async () => {
    const machine = new Machine(source(), () => true);
    // The order itself is written, with what is fetched; nothing else.
    machine.writesUntilCut = 13;
    expect(await machine.boot(released(first, 1, 4))).toBe(true);
    expect(machine.journal?.committed).toBeNull();
    machine.writesUntilCut = undefined;
    await machine.boot();
    expect(machine.serving).toBe(first.bundleId);
    expect(machine.journal?.committed).toMatchObject({ model: "road-sign", releaseCounter: 4 });
    expect(machine.floors.get("road-sign")).toBe(4);
    machine.dispose();
  });

  it("never installs what nobody vouches for", async () => {
    const machine = new Machine(source(), () => true);
    await expect(machine.boot({ ...released(first, 1, 1), bundles: new Map() })).rejects.toMatchObject({
      code: "SRT_TRUST_UNSIGNED",
    });
    expect(machine.served).toEqual([]);
    machine.dispose();
  });

  it.each([
    ["by the same order", undefined],
    [
      "while nothing is ordered any more",
      { desired: { ...released(first, 2, 1).desired, deployment: null }, bundles: new Map() },
    ],
  ])("raises the floor at the next start when the power went between the commit and the floor, %s", async (_, next) => {
    const machine = new Machine(source(), () => true);
    const floors = machine.floors;
    const set = floors.set.bind(floors);
    floors.set = () => {
      throw new PowerCut("power cut");
    };
    await machine.boot(released(first, 1, 4));
    expect(machine.journal?.committed).toMatchObject({ bundleId: first.bundleId, releaseCounter: 4 });
    expect(floors.size).toBe(0);
    floors.set = set;
    await machine.boot(next);
    expect(floors.get("road-sign")).toBe(4);
    machine.dispose();
  });

  it("does not begin a release that is older than what was installed since its order was verified", async () => {
    const machine = new Machine(source(), () => true);
    await machine.boot(released(second, 1, 5));
    await machine.boot(released(first, 2, 4));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_TRUST_ROLLBACK" } });
    expect(machine.serving).toBe(second.bundleId);
    await machine.boot(released(first, 3, 6));
    expect(machine.serving).toBe(first.bundleId);
    expect(machine.floors.get("road-sign")).toBe(6);
    machine.dispose();
  });

  it("raises the floor when what is committed is released again with a higher counter, in the same generation too", async () => {
    const machine = new Machine(source(), () => true);
    await machine.boot(released(first, 1, 1));
    await machine.boot(released(first, 1, 7));
    expect(machine.floors.get("road-sign")).toBe(7);
    await machine.boot(released(first, 1, 2));
    await machine.boot();
    expect(machine.floors.get("road-sign")).toBe(7);
    expect(machine.served.length).toBe(4);
    machine.dispose();
  });

  it("falls back to the other slot whatever the floor is", async () => {
    const machine = new Machine(source(), (bundleId) => bundleId === first.bundleId);
    await machine.boot(released(first, 1, 1));
    machine.floors.set("road-sign", 9);
    await machine.boot(released(second, 2, 9));
    expect(machine.journal?.record).toMatchObject({ status: "failed", error: { code: "SRT_PROBE_FAILED" } });
    expect(machine.serving).toBe(first.bundleId);
    await machine.boot();
    expect(machine.serving).toBe(first.bundleId);
    machine.dispose();
  });

  it("believes no desired state that a release before signed orders kept, and undoes what that began", async () => {
    const machine = new Machine(source(), () => true);
    const order = released(second, 1, 2);
    const settings = new SettingsStore(machine.database);
    settings.save("desired", order.desired);
    const { releaseCounter: _, ...record } = {
      releaseCounter: 0,
      deployment: order.desired.deployment,
      slot: "b",
      status: "in_progress",
      step: "downloading",
      attempt: 1,
      interruptions: 0,
      repairs: 0,
    };
    settings.save("deployment", { committed: null, record });
    await machine.boot();
    expect(machine.journal?.record).toBeNull();
    expect(machine.source.sentBytes).toBe(0);
    // The same deployment, signed: now it is done.
    await machine.boot(order);
    expect(machine.serving).toBe(second.bundleId);
    machine.dispose();
  });

  it("falls back from what a former identity's order had activated, and keeps what was committed", async () => {
    const machine = new Machine(source(), () => true);
    await machine.boot(released(first, 1, 8));
    machine.journal?.write({
      deployment: released(second, 2, 9).desired.deployment,
      releaseCounter: 9,
      slot: "b",
      status: "in_progress",
      step: "probing",
      attempt: 1,
      interruptions: 0,
      repairs: 0,
    });
    machine.slots.activate("b");
    machine.journal?.forgetReleases();
    new SettingsStore(machine.database).remove(ORDER_KEY);
    machine.floors.clear();
    await machine.boot();
    expect(machine.serving).toBe(first.bundleId);
    expect(machine.slots.active()).toBe("a");
    expect(machine.journal?.record).toBeNull();
    // Another fleet counts from the start.
    expect(machine.floors.size).toBe(0);
    await machine.boot(released(second, 1, 1));
    expect(machine.serving).toBe(second.bundleId);
    machine.dispose();
  });

  it("has a floor that is never below what is committed, and never falls, wherever the power goes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            bundle: fc.nat(1),
            step: fc.nat(2),
            good: fc.boolean(),
            cuts: fc.array(fc.nat(16), { maxLength: 3 }),
          }),
          { minLength: 1, maxLength: 4 },
        ),
        async (orders) => {
          let goodNow = true;
          const machine = new Machine(source(), () => goodNow);
          try {
            let counter = 1;
            let floor = 0;
            for (const [index, { bundle, step, good, cuts }] of orders.entries()) {
              counter += step;
              const wanted = released(bundle === 0 ? first : second, index + 1, counter);
              goodNow = good;
              for (const cut of [...cuts, undefined]) {
                machine.writesUntilCut = cut;
                await machine.boot(wanted);
                const now = machine.floors.get("road-sign") ?? 0;
                expect(now).toBeGreaterThanOrEqual(floor);
                expect(now).toBeLessThanOrEqual(counter);
                floor = now;
              }
              const { committed } = machine.journal ?? {};
              if (committed?.releaseCounter !== undefined)
                expect(floor).toBeGreaterThanOrEqual(committed.releaseCounter);
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
