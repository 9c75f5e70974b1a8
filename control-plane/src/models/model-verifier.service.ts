import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Injectable, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import { type VerifiedModel, verifyModel } from "@sartor/onnx";
import { SartorError } from "@sartor/shared/errors";
import type { Digest, ModelManifest } from "@sartor/shared/protocol";
import { Settings } from "../config/index.js";
import { Gate } from "../http/index.js";
import { BlobCatalog } from "./blob-catalog.service.js";

/** Verifies uploaded models, one at a time, each in a process of its own. */
@Injectable()
export class ModelVerifier implements OnModuleInit, OnModuleDestroy {
  readonly #folder: string;
  readonly #gate = new Gate({ atOnce: 1, waiting: 16 }, "model verifications");
  readonly #stopping = new AbortController();

  constructor(
    settings: Settings,
    private readonly blobs: BlobCatalog,
  ) {
    this.#folder = join(settings.stateDir, "verifying");
  }

  async onModuleInit(): Promise<void> {
    // What a killed process left.
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  onModuleDestroy(): void {
    this.#stopping.abort(new SartorError("SRT_UNAVAILABLE", "The control plane stops."));
  }

  /** @throws SartorError as {@link verifyModel}; SRT_RATE_LIMITED when too many wait */
  verify(model: Digest, golden: Digest, manifest: ModelManifest): Promise<VerifiedModel> {
    return this.#gate.run(async () => {
      const folder = await mkdtemp(join(this.#folder, "model-"));
      try {
        const modelPath = await this.blobs.copy(model, join(folder, "model.onnx"));
        const goldenPath = await this.blobs.copy(golden, join(folder, "golden.safetensors"));
        return await verifyModel({ modelPath, goldenPath, manifest }, undefined, this.#stopping.signal);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
}
