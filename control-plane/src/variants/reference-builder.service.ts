import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Injectable, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import { buildVariants, type MadeVariant, refusalOf } from "@sartor/onnx";
import { SartorError } from "@sartor/shared/errors";
import { variantBuildRequestSchema } from "@sartor/shared/protocol";
import { Settings } from "../config/index.js";
import { Gate } from "../http/index.js";
import { BlobCatalog, type ModelVersionRecord } from "../models/index.js";
import { parseCard } from "./variant-store.service.js";

/** Longest time for folding a network and counting what it costs, ms: whoever registers a version waits for it. */
const TIME_MS = 300_000;

/** Makes the fp32 variants of versions while they are registered, one at a time, beside the builds that run. */
@Injectable()
export class ReferenceBuilder implements OnModuleInit, OnModuleDestroy {
  readonly #folder: string;
  readonly #gate = new Gate({ atOnce: 1, waiting: 16 }, "model registrations");
  readonly #stopping = new AbortController();

  constructor(
    private readonly settings: Settings,
    private readonly blobs: BlobCatalog,
  ) {
    this.#folder = join(settings.stateDir, "folding");
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
   * Makes the fp32 variant of a version.
   *
   * @param keep takes it in; its files are gone afterwards
   * @throws SartorError why it cannot be made; SRT_RATE_LIMITED when too many wait
   */
  build(version: ModelVersionRecord, keep: (made: MadeVariant) => Promise<void>): Promise<void> {
    return this.#gate.run(async () => {
      const folder = await mkdtemp(join(this.#folder, "model-"));
      try {
        await this.run(version, folder, keep);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  private async run(
    version: ModelVersionRecord,
    folder: string,
    keep: (made: MadeVariant) => Promise<void>,
  ): Promise<void> {
    const { accuracy, equalise, pruning } = variantBuildRequestSchema.parse({});
    const outputFolder = join(folder, "made");
    await mkdir(outputFolder, { mode: 0o700 });
    let kept = false;
    await buildVariants(
      {
        modelPath: await this.blobs.copy(version.model.digest, join(folder, "model.onnx")),
        modelDigest: version.model.digest,
        goldenPath: await this.blobs.copy(version.golden, join(folder, "golden.safetensors")),
        manifest: version.manifest,
        outputFolder,
        variants: ["fp32"],
        calibration: null,
        evaluation: null,
        accuracy,
        equalise,
        pruning,
      },
      {
        limits: { timeMs: TIME_MS, memoryBytes: this.settings.buildMemoryBytes },
        signal: this.#stopping.signal,
        onEvent: async (event) => {
          if (event.type === "refused") throw refusalOf(event.error);
          if (event.type !== "made") return;
          await keep({ ...event.variant, card: parseCard(event.variant.card) });
          kept = true;
        },
      },
    );
    if (!kept) throw new SartorError("SRT_INTERNAL", "The fp32 variant was not made.");
  }
}
