import { SartorError } from "@sartor/shared/errors";
import type { RuntimeSettings } from "@sartor/shared/protocol";
import {
  type BundleInstaller,
  type DeploymentJournal,
  type DeploymentRecord,
  type DownloadProgress,
  type InstalledBundle,
  type InstalledSlot,
  SLOT_NAMES,
  type SlotName,
  type SlotStore,
} from "../ota/index.js";
import type { Clock, Logger } from "../platform/index.js";
import { judgeProbe } from "./judge-probe.js";
import type { ReleaseFloors } from "./kept-order.js";
import type { ServableBundle, ServingPort, StagedModel, Trial } from "./serving-port.js";
import type { StepAction, StepArguments } from "./steps.js";

/** How often a bundle that turns out damaged on disk is fetched anew. */
const MAXIMUM_REPAIRS = 3;
/** How often the committed bundle is tried before new deployments go first. */
const MAXIMUM_SERVE_FAILURES = 3;

export interface ExecutorDependencies {
  readonly journal: DeploymentJournal;
  readonly slots: SlotStore;
  readonly installer: BundleInstaller;
  readonly serving: ServingPort;
  readonly floors: Pick<ReleaseFloors, "floorOf">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called whenever something that is reported may have changed. */
  readonly onChange: () => void;
}

/** One executor a step. Each writes the journal before it acts and after it succeeded, and may be repeated after a crash. */
export class StepExecutors {
  readonly #is: ExecutorDependencies;
  #progress: DownloadProgress | undefined;
  #serveFailures = 0;

  constructor(dependencies: ExecutorDependencies) {
    this.#is = dependencies;
  }

  /** Download progress of the deployment in hand. */
  get progress(): DownloadProgress | undefined {
    return this.#progress;
  }

  /** True once the committed bundle could not be served several times in a row: then new deployments come first, and it is tried again between them. */
  get servingIsBroken(): boolean {
    return this.#serveFailures >= MAXIMUM_SERVE_FAILURES;
  }

  readonly execute: { readonly [A in StepAction]: (step: StepArguments[A], signal: AbortSignal) => Promise<void> } = {
    serve: async ({ committed }, signal) => {
      const { journal, slots, logger } = this.#is;
      const installed = slots.installed(committed.slot);
      if (installed === undefined || installed.bundleId !== committed.bundleId || !(await this.#isIntact(installed))) {
        // What was committed is damaged: forget it, so that the desired bundle is fetched again; intact chunks are kept.
        logger.error("the committed bundle is damaged on disk and will be fetched again", {
          slot: committed.slot,
          bundleId: committed.bundleId,
        });
        slots.deactivate();
        const { record } = journal;
        journal.commit(null, record?.deployment.bundle.bundleId === committed.bundleId ? null : record);
        return;
      }
      if (journal.record?.status !== "in_progress" && slots.active() !== committed.slot) slots.activate(committed.slot);
      try {
        const staged = await this.#is.serving.stage(servable(installed, committed.runtime), signal);
        await staged.promote();
        this.#serveFailures = 0;
        this.#is.onChange();
      } catch (error) {
        this.#serveFailures += 1;
        throw error;
      }
    },

    begin: async ({ deployment, releaseCounter }) => {
      const { journal, floors } = this.#is;
      const { bundleId, model } = deployment.bundle;
      const { committed } = journal;
      const isInstalled = committed?.bundleId === bundleId;
      this.#progress = undefined;
      // A bundle that is already committed proves itself once more, with the settings that are wanted now; there is nothing to download.
      const record: DeploymentRecord = {
        deployment,
        releaseCounter,
        slot: isInstalled ? committed.slot : this.#chooseSlot(bundleId),
        status: "in_progress",
        step: isInstalled ? "probing" : "downloading",
        attempt: 1,
        interruptions: 0,
        repairs: 0,
      };
      // The floor may have risen since the order was verified: by what was installed meanwhile.
      const floor = floors.floorOf(model);
      if (releaseCounter >= floor) return this.#write(record);
      const sentence = `The release counter ${releaseCounter} of ${bundleId} is below the installed ${floor} of ${model}.`;
      this.#fail(record, new SartorError("SRT_TRUST_ROLLBACK", sentence));
    },

    disown: async ({ record }) => {
      const { journal, logger } = this.#is;
      const { bundleId } = record.deployment.bundle;
      logger.warn("a deployment that no signed order of this identity began is undone", {
        bundleId,
        step: record.step,
      });
      if (isProvisional(record) || record.step === "rolling_back") await this.#fallBack(record);
      journal.write(null);
      this.#is.onChange();
    },

    download: async ({ record }, signal) => {
      const { installer, slots } = this.#is;
      const folder = slots.folder(record.slot);
      await this.#orFail(record, async () => {
        const manifest = await installer.prepare(folder, record.deployment.bundle, signal);
        const onProgress = (progress: DownloadProgress) => {
          this.#progress = progress;
          this.#is.onChange();
        };
        const { bundleId } = record.deployment.bundle;
        await installer.download(folder, { bundleId, manifest }, onProgress, signal);
        this.#advance(record, "verifying");
      });
    },

    verify: async ({ record }) => {
      const { installer, slots } = this.#is;
      const folder = slots.folder(record.slot);
      const manifest = folder.manifestOf(record.deployment.bundle.bundleId);
      try {
        if (manifest === undefined)
          throw new SartorError("SRT_DIGEST_MISMATCH", "The manifest in the slot is not the bundle's.");
        await installer.verify(folder, manifest);
        this.#advance(record, "installing");
      } catch (thrown) {
        const error = SartorError.from(thrown, "SRT_INSTALL_FAILED");
        if (error.code !== "SRT_DIGEST_MISMATCH") throw error;
        if (record.repairs >= MAXIMUM_REPAIRS) return this.#fail(record, error);
        this.#is.logger.warn("the bundle is damaged on disk; what is damaged is fetched again", {
          code: error.code,
          message: error.message,
        });
        this.#write({ ...record, step: "downloading", repairs: record.repairs + 1 });
      }
    },

    install: async ({ record }) => {
      const { installer, slots } = this.#is;
      installer.seal(slots.folder(record.slot), record.deployment.bundle.bundleId);
      this.#advance(record, "activating");
    },

    activate: async ({ record }) => {
      this.#is.slots.activate(record.slot);
      this.#advance(record, "probing");
    },

    probe: async ({ record }, signal) => {
      const { slots, serving, clock } = this.#is;
      const installed = slots.installed(record.slot);
      const { probe } = record.deployment;
      let staged: StagedModel | undefined;
      let trial: Trial | undefined;
      let measured = record.probe;
      try {
        if (installed === undefined)
          throw new SartorError("SRT_INSTALL_FAILED", `Slot ${record.slot} holds no complete bundle.`);
        const deadline = AbortSignal.any([signal, AbortSignal.timeout(probe.deadlineMs)]);
        const bundle = servable(installed, record.deployment.runtime);
        staged = await serving.stage(bundle, deadline);
        const { passed, ...report } = await staged.probe(deadline);
        measured = { ...report, executionProviders: [...report.executionProviders] };
        const refusal = judgeProbe({ passed, ...report }, bundle.runtime, probe);
        if (refusal !== undefined) throw refusal;
        trial = await staged.beginTrial();
        staged = undefined;
        const restarts = serving.restarts();
        this.#is.onChange();
        await clock.sleep(probe.soakMs, signal);
        if (serving.restarts() !== restarts || !serving.isReady() || serving.servingBundleId() !== installed.bundleId) {
          const message = `The new bundle's runtime crashed within the first ${probe.soakMs} ms of service.`;
          throw new SartorError("SRT_PROBE_FAILED", message);
        }
        this.#advance({ ...record, probe: measured }, "committing");
        await trial.keep();
      } catch (thrown) {
        // The former model, which stayed loaded, answers again before anything is written.
        await staged?.discard();
        await trial?.revert();
        signal.throwIfAborted();
        const timedOut = thrown instanceof DOMException && thrown.name === "TimeoutError";
        const error = timedOut
          ? new SartorError("SRT_PROBE_FAILED", `Activation and probe took longer than ${probe.deadlineMs} ms.`)
          : SartorError.from(thrown, "SRT_PROBE_FAILED");
        this.#write({ ...record, probe: measured, step: "rolling_back", error: error.toBody() });
      }
    },

    commit: async ({ record }) => {
      const { bundle, runtime } = record.deployment;
      const { bundleId, model } = bundle;
      const { slot, releaseCounter } = record;
      const committed = { slot, bundleId, model, releaseCounter, ...(runtime === undefined ? {} : { runtime }) };
      this.#is.journal.commit(committed, { ...record, status: "succeeded", step: "done" });
      this.#serveFailures = 0;
      this.#is.logger.info("bundle committed", {
        bundleId: committed.bundleId,
        slot: committed.slot,
        model: bundle.model,
        version: bundle.version,
      });
      this.#is.onChange();
    },

    rollBack: async ({ record, status, error }) => {
      if (record.step !== "rolling_back") this.#write({ ...record, step: "rolling_back", error });
      this.#is.logger.warn("rolling back", {
        bundleId: record.deployment.bundle.bundleId,
        code: error.code,
        message: error.message,
      });
      await this.#fallBack(record);
      this.#write({ ...record, status, step: "done", error });
    },

    abandon: async ({ record, error }) => {
      this.#write({ ...record, status: "canceled", step: "done", error });
    },
  };

  /**
   * Call once after a start. A deployment found in the middle of activation or probe is counted as interrupted, unless the agent
   * was stopped in order. A journal that was lost takes over the slot that is active and sealed: it served, so it goes on serving.
   */
  noteStart(): void {
    const { journal, slots, logger } = this.#is;
    const { record } = journal;
    if (journal.committed === null && record === null) {
      const active = slots.active();
      const installed = active === undefined ? undefined : slots.installed(active);
      if (installed === undefined) return;
      logger.warn("the journal was lost; the active slot is taken over", {
        slot: installed.slot,
        bundleId: installed.bundleId,
      });
      journal.commit({ slot: installed.slot, bundleId: installed.bundleId }, null);
      return;
    }
    if (record === null || !isProvisional(record)) return;
    const interruptions = record.interruptions + (record.stoppedInOrder === true ? 0 : 1);
    this.#write({ ...record, interruptions, stoppedInOrder: undefined });
  }

  /** Call on an orderly stop, so that restarts by a person are not taken for crashes. */
  noteStop(): void {
    const { record } = this.#is.journal;
    if (record !== null && isProvisional(record)) this.#is.journal.write({ ...record, stoppedInOrder: true });
  }

  /** Notes that a step failed in a way that time may cure, so that operators see the attempts rise. */
  noteRetry(error: SartorError): void {
    const { record } = this.#is.journal;
    if (record?.status !== "in_progress") return;
    // Why a bundle is rolled back must not be covered by what went wrong while rolling back.
    const kept = record.step === "rolling_back" ? record.error : error.toBody();
    this.#write({ ...record, attempt: record.attempt + 1, error: kept });
  }

  /** Back to the committed bundle, whatever its release counter is; the slot of the one that did not make it is cleared. */
  async #fallBack(record: DeploymentRecord): Promise<void> {
    const { journal, slots, serving } = this.#is;
    const { committed } = journal;
    const { bundleId } = record.deployment.bundle;
    const previous = committed === null ? undefined : slots.installed(committed.slot);
    if (previous === undefined) slots.deactivate();
    else slots.activate(previous.slot);
    // Serving the committed bundle is the next step's work: it may fail and be tried again, this step must come to its end.
    if (serving.servingBundleId() === bundleId && committed?.bundleId !== bundleId) await serving.stop();
    if (committed?.slot !== record.slot) slots.folder(record.slot).clear();
  }

  /** The slot that a former attempt at this bundle began to fill, or else one whose content may go. */
  #chooseSlot(bundleId: string): SlotName {
    const { journal, slots } = this.#is;
    const free = SLOT_NAMES.filter((slot) => slot !== journal.committed?.slot);
    const begun = free.find((slot) => slots.folder(slot).manifestOf(bundleId) !== undefined);
    return begun ?? free.find((slot) => slots.installed(slot) === undefined) ?? free[0] ?? "a";
  }

  async #isIntact(installed: InstalledSlot): Promise<boolean> {
    try {
      const { installer, slots } = this.#is;
      await installer.verify(slots.folder(installed.slot), installed.manifest);
      return true;
    } catch (thrown) {
      // Anything but a wrong digest (too many open files, a disk that does not answer) may pass: the step is tried again.
      if (SartorError.from(thrown).code === "SRT_DIGEST_MISMATCH") return false;
      throw thrown;
    }
  }

  /** A broken connection is worth another try later and is thrown on; any other refusal ends the deployment. */
  async #orFail(record: DeploymentRecord, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (thrown) {
      const error = SartorError.from(thrown, "SRT_INSTALL_FAILED");
      if (thrown instanceof DOMException || error.code === "SRT_DOWNLOAD_FAILED") throw thrown;
      this.#fail(record, error);
    }
  }

  #fail(record: DeploymentRecord, error: SartorError): void {
    this.#is.logger.error("deployment failed", {
      deploymentId: record.deployment.deploymentId,
      code: error.code,
      message: error.message,
    });
    this.#write({ ...record, status: "failed", step: "done", error: error.toBody() });
  }

  /** The next step; what went wrong on the way here is over. */
  #advance(record: DeploymentRecord, step: DeploymentRecord["step"]): void {
    this.#write({ ...record, step, error: undefined });
  }

  #write(record: DeploymentRecord): void {
    this.#is.journal.write(record);
    this.#is.onChange();
  }
}

/** A bundle on the disk with the settings that this device shall use; the bundle's own where none are named. */
function servable(installed: InstalledBundle, runtime: RuntimeSettings | undefined): ServableBundle {
  return { ...installed, runtime: runtime ?? installed.manifest.runtime };
}

function isProvisional(record: DeploymentRecord): boolean {
  return record.status === "in_progress" && (record.step === "activating" || record.step === "probing");
}
