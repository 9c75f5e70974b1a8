import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Injectable, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import { type DatasetContent, refusalOf, runWorker, type WorkerProblem } from "@sartor/onnx";
import { type ErrorBody, SartorError } from "@sartor/shared/errors";
import type { DatasetPurpose, Digest, ModelManifest } from "@sartor/shared/protocol";
import { Settings } from "../config/index.js";
import { Gate } from "../http/index.js";
import { BlobCatalog } from "./blob-catalog.service.js";

export interface InspectRequest {
  readonly path: string;
  readonly manifest: ModelManifest;
}
export type InspectReply =
  | { readonly ok: true; readonly content: DatasetContent }
  | { readonly ok: false; readonly error: ErrorBody };

/** Time for the largest upload, and memory for the labels of as many samples as it can hold. */
const LIMITS = { timeMs: 60_000, memoryBytes: 1024 ** 3 + 512 * 1024 ** 2 };
const WORKER = new URL("./inspect-dataset-worker.js", import.meta.url);

/** Reads uploaded samples, one dataset at a time, each in a process of its own. */
@Injectable()
export class DatasetInspector implements OnModuleInit, OnModuleDestroy {
  readonly #folder: string;
  readonly #gate = new Gate({ atOnce: 1, waiting: 16 }, "datasets");
  readonly #stopping = new AbortController();

  constructor(
    settings: Settings,
    private readonly blobs: BlobCatalog,
  ) {
    this.#folder = join(settings.stateDir, "inspecting");
  }

  async onModuleInit(): Promise<void> {
    // What a killed process left.
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  onModuleDestroy(): void {
    this.#stopping.abort(new SartorError("SRT_UNAVAILABLE", "The control plane stops."));
  }

  /**
   * Checks that samples can be used for a model, and counts them.
   *
   * @throws SartorError SRT_DATASET_INVALID, SRT_CALIBRATION_SHAPE, SRT_CALIBRATION_EMPTY, SRT_CALIBRATION_NOT_FINITE;
   *   SRT_RATE_LIMITED when too many wait
   */
  inspect(content: Digest, purpose: DatasetPurpose, manifest: ModelManifest): Promise<DatasetContent> {
    return this.#gate.run(async () => {
      const folder = await mkdtemp(join(this.#folder, "dataset-"));
      try {
        const path = await this.blobs.copy(content, join(folder, "samples.safetensors"));
        const found = await this.ask({ path, manifest });
        if (purpose === "evaluation" && found.classCounts === null) {
          throw new SartorError(
            "SRT_DATASET_INVALID",
            "Samples for evaluation need labels; the tensor labels is missing.",
          );
        }
        return found;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  private async ask(request: InspectRequest): Promise<DatasetContent> {
    const reply = await runWorker<InspectReply, InspectReply>({
      program: WORKER,
      request,
      limits: LIMITS,
      signal: this.#stopping.signal,
      receive: (answer) => answer,
      failure: (problem) => new SartorError("SRT_DATASET_INVALID", `The samples ${sentenceOf(problem)}.`),
    });
    if (reply.ok) return reply.content;
    throw refusalOf(reply.error);
  }
}

function sentenceOf(problem: WorkerProblem): string {
  switch (problem.kind) {
    case "timed_out":
      return `could not be read within ${problem.timeMs / 1_000} s`;
    case "memory":
      return `take more than ${Math.round(problem.memoryBytes / 1024 ** 2)} MiB of memory to be read`;
    case "crashed":
      return `ended the process that read them (${problem.ending})`;
  }
}
