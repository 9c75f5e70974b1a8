import { SartorError } from "@sartor/shared/errors";
import type {
  BundleInstaller,
  DeploymentJournal,
  DeploymentRecord,
  DownloadProgress,
  InstalledSlot,
  SlotName,
  SlotStore,
} from "../ota/index.js";
import type { Clock, Logger } from "../platform/index.js";
import { judgeProbe } from "./judge-probe.js";
import type { ServingPort, StagedModel } from "./serving-port.js";
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

  /** True once the committed bundle could not be served several times in a row: then new deployments come first. */
  get servingIsBroken(): boolean {
    return this.#serveFailures >= MAXIMUM_SERVE_FAILURES;
  }

  readonly execute: { readonly [A in StepAction]: (step: StepArguments[A], signal: AbortSignal) => Promise<void> } = {
    serve: async ({ committed }, signal) => {
      const { journal, slots, installer, logger } = this.#is;
      const installed = slots.installed(committed.slot);
      if (
        installed === undefined ||
        installed.bundleId !== committed.bundleId ||
        !(await isIntact(installer, installed))
      ) {
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
        await this.#promote(installed, signal);
        this.#serveFailures = 0;
      } catch (error) {
        this.#serveFailures += 1;
        throw error;
      }
    },

    begin: async ({ deployment }) => {
      const { committed } = this.#is.journal;
      const isInstalled = committed?.bundleId === deployment.bundle.bundleId;
      const slot: SlotName =
        committed === null ? "a" : isInstalled ? committed.slot : committed.slot === "a" ? "b" : "a";
      this.#progress = undefined;
      // A bundle that is already committed proves itself once more; there is nothing to download.
      this.#write({
        deployment,
        slot,
        status: "in_progress",
        step: isInstalled ? "probing" : "downloading",
        attempt: 1,
        interruptions: 0,
      });
    },

    download: async ({ record }, signal) => {
      const { installer } = this.#is;
      await this.#orFail(record, async () => {
        const manifest = await installer.prepare(record.slot, record.deployment.bundle.bundleId, signal);
        const onProgress = (progress: DownloadProgress) => {
          this.#progress = progress;
          this.#is.onChange();
        };
        await installer.download(record.slot, manifest, onProgress, signal);
        this.#advance(record, "verifying");
      });
    },

    verify: async ({ record }) => {
      const { installer, slots } = this.#is;
      const manifest = slots.manifestOf(record.slot, record.deployment.bundle.bundleId);
      try {
        if (manifest === undefined)
          throw new SartorError("SRT_DIGEST_MISMATCH", "The manifest in the slot is not the bundle's.");
        await installer.verify(record.slot, manifest);
        this.#advance(record, "installing");
      } catch (thrown) {
        const error = SartorError.from(thrown, "SRT_INSTALL_FAILED");
        if (record.attempt >= MAXIMUM_REPAIRS) return this.#fail(record, error);
        this.#is.logger.warn("the bundle is damaged on disk; what is damaged is fetched again", {
          code: error.code,
          message: error.message,
        });
        this.#write({ ...record, step: "downloading", attempt: record.attempt + 1 });
      }
    },

    install: async ({ record }) => {
      this.#is.installer.seal(record.slot, record.deployment.bundle.bundleId);
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
      let measured = record.probe;
      try {
        if (installed === undefined)
          throw new SartorError("SRT_INSTALL_FAILED", `Slot ${record.slot} holds no complete bundle.`);
        const deadline = AbortSignal.any([signal, AbortSignal.timeout(probe.deadlineMs)]);
        staged = await serving.stage(installed, deadline);
        const { passed, ...report } = await staged.probe(deadline);
        measured = { ...report, executionProviders: [...report.executionProviders] };
        const refusal = judgeProbe({ passed, ...report }, installed.manifest, probe);
        if (refusal !== undefined) throw refusal;
        await staged.promote();
        staged = undefined;
        const restarts = serving.restarts();
        this.#is.onChange();
        await clock.sleep(probe.soakMs, signal);
        if (serving.restarts() !== restarts || serving.servingBundleId() !== installed.bundleId) {
          throw new SartorError(
            "SRT_PROBE_FAILED",
            `The new bundle's runtime crashed within the first ${probe.soakMs} ms of service.`,
          );
        }
        this.#advance({ ...record, probe: measured }, "committing");
      } catch (thrown) {
        await staged?.discard();
        signal.throwIfAborted();
        const timedOut = thrown instanceof DOMException && thrown.name === "TimeoutError";
        const error = timedOut
          ? new SartorError("SRT_PROBE_FAILED", `Activation and probe took longer than ${probe.deadlineMs} ms.`)
          : SartorError.from(thrown, "SRT_PROBE_FAILED");
        this.#write({ ...record, probe: measured, step: "rolling_back", error: error.toBody() });
      }
    },

    commit: async ({ record }) => {
      const committed = { slot: record.slot, bundleId: record.deployment.bundle.bundleId };
      this.#is.journal.commit(committed, { ...record, status: "succeeded", step: "done" });
      this.#serveFailures = 0;
      this.#is.logger.info("bundle committed", {
        bundleId: committed.bundleId,
        slot: committed.slot,
        model: record.deployment.bundle.model,
        version: record.deployment.bundle.version,
      });
      this.#is.onChange();
    },

    rollBack: async ({ record, status, error }, signal) => {
      const { journal, slots, serving, logger } = this.#is;
      if (record.step !== "rolling_back") this.#write({ ...record, step: "rolling_back", error });
      const { committed } = journal;
      logger.warn("rolling back", {
        bundleId: record.deployment.bundle.bundleId,
        code: error.code,
        message: error.message,
      });
      const previous = committed === null ? undefined : slots.installed(committed.slot);
      if (previous === undefined) {
        slots.deactivate();
        await serving.stop();
      } else {
        slots.activate(previous.slot);
        if (serving.servingBundleId() !== previous.bundleId) await this.#promote(previous, signal);
      }
      if (committed?.slot !== record.slot) slots.clear(record.slot);
      this.#write({ ...record, status, step: "done", error });
    },

    abandon: async ({ record, error }) => {
      this.#write({ ...record, status: "canceled", step: "done", error });
    },
  };

  /** Call once after a start: a deployment found in the middle of activation or probe is counted as interrupted. */
  noteRestart(): void {
    const { record } = this.#is.journal;
    if (record?.status !== "in_progress" || (record.step !== "activating" && record.step !== "probing")) return;
    this.#write({ ...record, interruptions: record.interruptions + 1 });
  }

  /** Notes that a step failed in a way that time may cure, so that operators see the attempts rise. */
  noteRetry(error: SartorError): void {
    const { record } = this.#is.journal;
    if (record?.status === "in_progress")
      this.#write({ ...record, attempt: record.attempt + 1, error: error.toBody() });
  }

  async #promote(installed: InstalledSlot, signal: AbortSignal): Promise<void> {
    const staged = await this.#is.serving.stage(installed, signal);
    await staged.promote();
    this.#is.onChange();
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

async function isIntact(installer: BundleInstaller, installed: InstalledSlot): Promise<boolean> {
  try {
    await installer.verify(installed.slot, installed.manifest);
    return true;
  } catch {
    return false;
  }
}
