import { Readable } from "node:stream";
import { SartorError } from "@sartor/shared/errors";
import {
  bundleTargetPath,
  type DesiredState,
  describeProblems,
  desiredSchema,
  type HardwareId,
  ORDER_TARGET,
  orderTargetCustomSchema,
  TRUST_LIMITS,
} from "@sartor/shared/protocol";
import type { TargetFile } from "tuf-js";
import { type Clock, systemClock } from "../../platform/index.js";
import { downloadBounded, type MetadataTransport } from "./bounded-download.js";
import { type DeviceFacts, matchBundle, type VerifiedBundle, type WantedBundle } from "./match-bundle.js";
import type { FreshMetadata, MetadataStore } from "./metadata-store.js";
import { ReleaseFloorStore } from "./release-floors.js";
import { RETRIEVAL_LIMITS, type RetrievalLimits } from "./retrieval-limits.js";
import { isTrustError, trustError } from "./trust-errors.js";
import type { TrustedTime } from "./trusted-time.js";
import { wantedBundles } from "./wanted-bundles.js";

/** What {@link TrustedOrders} needs. */
export interface TrustedOrdersOptions {
  readonly deviceId: string;
  /** The kinds of hardware that this device is. */
  readonly hardware: readonly HardwareId[];
  readonly director: MetadataStore;
  readonly image: MetadataStore;
  /** Where the director's target files are: the order is fetched from there. */
  readonly directorTargetsUrl: string;
  readonly transport: MetadataTransport;
  readonly time: TrustedTime;
  /** Where the lowest generation and release counters are kept. */
  readonly floorsPath: string;
  readonly clock?: Clock;
  readonly limits?: RetrievalLimits;
}

/** A desired state that the director signed for this device, and every bundle in it, that the image repository signed too. */
export interface VerifiedOrder {
  readonly desired: DesiredState;
  /** By bundle id. */
  readonly bundles: ReadonlyMap<string, VerifiedBundle>;
}

/**
 * `verified`: this is what the device shall do. `unchanged`: nothing new may be done (metadata is expired, unreachable or refused); what was
 * verified before stays in force and what runs keeps running.
 */
export type OrderResult =
  | { readonly outcome: "verified"; readonly order: VerifiedOrder }
  | { readonly outcome: "unchanged"; readonly reason: SartorError };

/** Fetches this device's orders and makes Uptane's full verification: nothing is installed unless director and image repository agree. */
export class TrustedOrders {
  readonly #options: TrustedOrdersOptions;
  readonly #floors: ReleaseFloorStore;

  constructor(options: TrustedOrdersOptions) {
    this.#options = options;
    this.#floors = new ReleaseFloorStore(options.floorsPath);
  }

  /** Highest release counter of a model that was installed; 0 when none was. */
  floorOf(model: string): number {
    return this.#floors.counterOf(model);
  }

  /** Notes that a bundle was committed: older releases of the model are refused from now on. Durable when it returns. */
  noteInstalled(model: string, releaseCounter: number): void {
    this.#floors.raiseCounter(model, releaseCounter);
  }

  /**
   * Asks both repositories what this device shall do.
   *
   * @throws the signal's reason; SartorError SRT_STATE_UNUSABLE when the disk fails
   */
  async refresh(signal: AbortSignal): Promise<OrderResult> {
    try {
      return { outcome: "verified", order: await this.#refresh(signal) };
    } catch (error) {
      if (signal.aborted || !isTrustError(error)) throw error;
      return { outcome: "unchanged", reason: error };
    }
  }

  async #refresh(signal: AbortSignal): Promise<VerifiedOrder> {
    const { director, image, time } = this.#options;
    const ordered = await director.update(signal, async (metadata) => {
      if (metadata.targets.delegations !== undefined) {
        throw new SartorError(
          "SRT_TRUST_METADATA_INVALID",
          "The director's targets delegate to others, which a director may not.",
        );
      }
      const desired = await this.#fetchOrder(metadata, signal);
      const wanted = wantedBundles(desired);
      const statements = new Map<string, TargetFile | undefined>();
      for (const bundle of wanted) {
        const path = bundleTargetPath(bundle);
        statements.set(path, await metadata.targetInfo(path));
      }
      return { desired, wanted, statements, notAfter: metadata.earliestExpiry() };
    });
    const { desired, wanted } = ordered;
    // An order that names no bundle (a cancel) installs nothing: it must get through while the image repository is expired or away.
    const bundles = new Map<string, VerifiedBundle>();
    if (wanted.length > 0) {
      const notAfter = await image.update(signal, async (metadata) => {
        await this.#match(wanted, ordered.statements, metadata, bundles);
        return metadata.earliestExpiry();
      });
      time.raise(desired.issuedAt, Math.min(ordered.notAfter, notAfter));
    }
    this.#floors.raiseGeneration(desired.generation);
    return { desired, bundles };
  }

  async #match(
    wanted: readonly WantedBundle[],
    director: ReadonlyMap<string, TargetFile | undefined>,
    image: FreshMetadata,
    bundles: Map<string, VerifiedBundle>,
  ): Promise<void> {
    const { deviceId, hardware } = this.#options;
    const device: DeviceFacts = { deviceId, hardware, floorOf: (model) => this.floorOf(model) };
    for (const bundle of wanted) {
      const path = bundleTargetPath(bundle);
      const statements = { director: director.get(path), image: await image.targetInfo(path) };
      bundles.set(bundle.bundleId, matchBundle(bundle, statements, device));
    }
  }

  /** The desired state, checked against its signed length, hashes, device and generation. */
  async #fetchOrder(metadata: FreshMetadata, signal: AbortSignal): Promise<DesiredState> {
    const info = await metadata.targetInfo(ORDER_TARGET);
    if (info === undefined) throw invalid(`the director has no ${ORDER_TARGET} for this device`);
    const custom = orderTargetCustomSchema.safeParse(info.custom);
    if (!custom.success) throw invalid(describeProblems(custom.error).join("; "));
    // Before anything is fetched: somebody serves another device's order.
    this.#expectDevice(custom.data.deviceId);
    if (info.length > TRUST_LIMITS.orderBytes) throw invalid(`it has ${info.length} bytes`);

    const bytes = await this.#download(info, metadata.root.consistent_snapshot, signal);
    try {
      await info.verify(Readable.from([bytes], { objectMode: true }));
    } catch (error) {
      throw trustError("director", "targets", error);
    }
    const desired = parseOrder(bytes);
    this.#expectDevice(desired.deviceId);
    if (desired.generation !== custom.data.generation) {
      throw invalid(`generation ${desired.generation} was signed as ${custom.data.generation}`);
    }
    const floor = this.#floors.generation;
    if (desired.generation < floor) {
      throw new SartorError(
        "SRT_TRUST_ROLLBACK",
        `The order has generation ${desired.generation}; this device accepted ${floor} before.`,
        { details: { generation: desired.generation, floor } },
      );
    }
    return desired;
  }

  /** With consistent snapshots a target's file name begins with its hash (TUF specification 1.0, 5.7.3 and 6.2). */
  async #download(info: TargetFile, consistentSnapshot: boolean, signal: AbortSignal): Promise<Buffer> {
    const { directorTargetsUrl, transport, clock = systemClock, limits = RETRIEVAL_LIMITS } = this.#options;
    const hash = info.hashes.sha256;
    if (hash === undefined) throw invalid("it has no SHA-256");
    const name = consistentSnapshot ? `${hash}.${ORDER_TARGET}` : ORDER_TARGET;
    const url = new URL(`${directorTargetsUrl.replace(/\/$/, "")}/${name}`);
    const download = { url, what: "this device's order", maximumBytes: info.length, signal };
    const result = await downloadBounded(download, { transport, clock, limits });
    if (typeof result !== "number") return result;
    throw new SartorError(
      "SRT_TRUST_UNREACHABLE",
      `Could not fetch this device's order: the server answered ${result}.`,
    );
  }

  #expectDevice(deviceId: string): void {
    if (deviceId === this.#options.deviceId) return;
    throw new SartorError(
      "SRT_TRUST_WRONG_DEVICE",
      `The order was signed for ${deviceId}; this device is ${this.#options.deviceId}.`,
      { details: { deviceId } },
    );
  }
}

function parseOrder(bytes: Buffer): DesiredState {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw invalid("it is not JSON");
  }
  const result = desiredSchema.safeParse(json);
  if (!result.success) throw invalid(describeProblems(result.error).join("; "));
  return result.data;
}

const invalid = (reason: string) =>
  new SartorError("SRT_TRUST_METADATA_INVALID", `This device's order was refused: ${reason}.`);
