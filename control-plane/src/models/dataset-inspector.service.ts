import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Injectable, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import type { DatasetContent } from "@sartor/onnx";
import { type ErrorBody, SartorError } from "@sartor/shared/errors";
import type { DatasetPurpose, Digest, ModelManifest } from "@sartor/shared/protocol";
import { Settings } from "../config/index.js";
import { BlobCatalog } from "./blob-catalog.service.js";
import { Gate } from "./gate.js";

export interface InspectRequest {
  readonly path: string;
  readonly manifest: ModelManifest;
}
export type InspectReply =
  | { readonly ok: true; readonly content: DatasetContent }
  | { readonly ok: false; readonly error: ErrorBody };

/** Longest time for reading a dataset, ms: the largest upload in a minute. */
const TIME_MS = 60_000;
/** Largest JavaScript heap of the process that reads, MiB; the samples lie outside of it and are read in pieces. */
const HEAP_MIB = 256;
const WORKER = fileURLToPath(new URL("./inspect-dataset-worker.js", import.meta.url));

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
    this.#stopping.abort();
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
    const { signal } = this.#stopping;
    if (signal.aborted) throw stopping();
    // No settings and no secrets of the server reach the child.
    const child = fork(WORKER, [], {
      env: {},
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const kill = () => child.kill("SIGKILL");
    const timer = setTimeout(kill, TIME_MS);
    signal.addEventListener("abort", kill, { once: true });
    try {
      const ended = once(child, "exit");
      const answer = once(child, "message");
      // The child's end says more than a closed channel.
      child.send(request, () => undefined);
      const first = await Promise.race([answer, ended.then(() => undefined)]);
      if (first === undefined) throw signal.aborted ? stopping() : unread();
      const reply = first[0] as InspectReply;
      if (reply.ok) return reply.content;
      throw SartorError.fromBody(reply.error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
      kill();
    }
  }
}

function stopping(): SartorError {
  return new SartorError("SRT_UNAVAILABLE", "The control plane stops.");
}

function unread(): SartorError {
  return new SartorError(
    "SRT_DATASET_INVALID",
    `The samples could not be read within ${TIME_MS / 1_000} s and ${HEAP_MIB} MiB.`,
  );
}
