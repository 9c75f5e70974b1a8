import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DeltaPending, DeltaRefusal, Digest } from "@sartor/shared/protocol";
import { BundlesService } from "../bundles/index.js";
import { Settings } from "../config/index.js";
import { rateLimited } from "../http/index.js";
import { DeltaMaking } from "./delta-making.service.js";
import { DeltaMetrics } from "./delta-metrics.js";
import { deltaIdOf } from "./delta-pair.js";
import type { DeltaPlace } from "./delta-queue.js";
import { DeltaStore } from "./delta-store.service.js";
import { DeltasRepository } from "./deltas.repository.js";

/** What a device asks for. */
export interface DeltaRequest {
  readonly bundleId: Digest;
  readonly file: Digest;
  /** Sorted, each once. */
  readonly bases: readonly Digest[];
  readonly deviceId: string;
}

export type DeltaAnswer =
  | {
      readonly kind: "ready";
      readonly digest: Digest;
      readonly bytes: number;
      /** Against the chunks that whoever asks lacks. */
      readonly savedBytes: number;
    }
  | { readonly kind: "pending"; readonly pending: DeltaPending };

/** Bytes of targets that are gone through in a second, with reserve: what a device is told to wait. */
const BYTES_A_SECOND = 5_000_000;
const LONGEST_WAIT_S = 60;

/** Offers differences where they are the cheapest way to a file. */
@Injectable()
export class DeltasService {
  constructor(
    private readonly settings: Settings,
    private readonly repository: DeltasRepository,
    private readonly bundles: BundlesService,
    private readonly making: DeltaMaking,
    private readonly kept: DeltaStore,
    private readonly metrics: DeltaMetrics,
  ) {}

  /**
   * The difference from what a device holds to a file of a bundle; it is made when it is asked for first.
   *
   * @throws SartorError SRT_BUNDLE_UNKNOWN; SRT_BLOB_UNKNOWN with the digests that are no files here; SRT_INVALID_REQUEST where the device holds the
   *   file; SRT_DELTA_NOT_OFFERED with the reason; SRT_RATE_LIMITED when too many wait
   */
  async offer({ bundleId, file, bases, deviceId }: DeltaRequest): Promise<DeltaAnswer> {
    const fullBytes = await this.check(bundleId, file, bases);
    if (this.settings.deltaStoreBytes === 0) throw this.refusal("switched_off", fullBytes, null);
    const pair = { target: file, bases };
    const known = await this.repository.find(deltaIdOf(pair));
    if (await this.making.isToBeMade(known)) {
      return { kind: "pending", pending: this.pending(this.making.ask(pair, fullBytes, deviceId)) };
    }
    if (known !== undefined) this.kept.use(known.deltaId);
    if (known?.content !== undefined) {
      this.metrics.asked.inc({ outcome: "offered" });
      const savedBytes = (known.chunkBytes ?? fullBytes) - known.content.bytes;
      return { kind: "ready", ...known.content, savedBytes };
    }
    const reason = known?.state === "not_worth_it" ? "not_worth_it" : "could_not_be_made";
    throw this.refusal(reason, fullBytes, known?.chunkBytes ?? null);
  }

  /** Has a difference made before anybody asks for it; false where there is no room. */
  async prepare(target: Digest, bases: readonly Digest[], fullBytes: number): Promise<boolean> {
    const pair = { target, bases };
    if (!(await this.making.isToBeMade(await this.repository.find(deltaIdOf(pair))))) return true;
    return this.making.askAhead(pair, fullBytes).kind !== "full";
  }

  /** Checks that the files are what may be asked for; gives the length of the target, bytes. */
  private async check(bundleId: Digest, file: Digest, bases: readonly Digest[]): Promise<number> {
    await this.bundles.get(bundleId);
    const target = (await this.bundles.filesOf([bundleId])).get(bundleId)?.find(({ digest }) => digest === file);
    if (target === undefined) throw unknown([file], `The bundle ${bundleId} has no file ${file}.`);
    if (bases.includes(file)) {
      throw new SartorError("SRT_INVALID_REQUEST", "Whoever holds the file needs no difference to it.");
    }
    const files = await this.bundles.knownFiles(bases);
    const strangers = bases.filter((base) => !files.has(base));
    if (strangers.length > 0) throw unknown(strangers, `No bundle has a file ${strangers.join(", ")}.`);
    return target.bytes;
  }

  private pending(place: DeltaPlace): DeltaPending {
    if (place.kind === "full") {
      this.metrics.asked.inc({ outcome: "busy" });
      throw rateLimited("Too many differences wait to be made: fetch chunks", LONGEST_WAIT_S * 1_000);
    }
    this.metrics.asked.inc({ outcome: "pending" });
    const seconds = 1 + Math.ceil(place.aheadBytes / BYTES_A_SECOND);
    return { status: place.kind, retryAfterSeconds: Math.min(seconds, LONGEST_WAIT_S) };
  }

  private refusal(reason: DeltaRefusal, fullBytes: number, chunkBytes: number | null): SartorError {
    this.metrics.asked.inc({ outcome: reason });
    return new SartorError("SRT_DELTA_NOT_OFFERED", MESSAGES[reason], { details: { reason, fullBytes, chunkBytes } });
  }
}

const MESSAGES: Readonly<Record<DeltaRefusal, string>> = {
  not_worth_it: "The chunks that are missing cost hardly more than the difference.",
  could_not_be_made: "The difference could not be made; it is tried again within a day or two.",
  switched_off: "This control plane offers no differences.",
};

function unknown(digests: readonly Digest[], message: string): SartorError {
  return new SartorError("SRT_BLOB_UNKNOWN", message, { details: { digests } });
}
