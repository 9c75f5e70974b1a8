import { join } from "node:path";
import { type HardwareId, TRUST_PATHS } from "@sartor/shared/protocol";
import { type Clock, systemClock } from "../../platform/index.js";
import { makeFolderDurably } from "../../storage/index.js";
import type { MetadataTransport } from "./bounded-download.js";
import { MetadataStore } from "./metadata-store.js";
import { provisionRoots } from "./provision-roots.js";
import { RETRIEVAL_LIMITS, type RetrievalLimits } from "./retrieval-limits.js";
import { isTrustError } from "./trust-errors.js";
import { type OrderResult, TrustedOrders } from "./trusted-orders.js";
import { TrustedTime } from "./trusted-time.js";

/** What {@link DeviceTrust} needs. */
export interface DeviceTrustOptions {
  /** Of this enrolment alone, see {@link trustFolderOf}. */
  readonly folder: string;
  readonly deviceId: string;
  /** The kinds of hardware that this device is. */
  readonly hardware: readonly HardwareId[];
  /** An address of the control plane by its path, `/api/v1/...`. */
  readonly addressOf: (path: string) => URL;
  /** Shows the device's certificate, and knows the server's. */
  readonly transport: MetadataTransport;
  /** When this agent was built, ms since 1970. */
  readonly buildTime: number;
  readonly clock?: Clock;
  readonly limits?: RetrievalLimits;
}

/**
 * All that this device trusts, in one folder:
 *
 *     image/, director/      each repository's root and metadata
 *     release-floors.json    what is never gone below again
 *     time.json              the last time that was verified
 */
export class DeviceTrust {
  readonly #options: DeviceTrustOptions;
  readonly #orders: TrustedOrders;
  readonly #folders: { readonly image: string; readonly director: string };

  constructor(options: DeviceTrustOptions) {
    this.#options = options;
    const { folder, deviceId, hardware, addressOf, transport, buildTime, clock = systemClock } = options;
    const { limits = RETRIEVAL_LIMITS } = options;
    this.#folders = { image: join(folder, "image"), director: join(folder, "director") };
    const time = new TrustedTime({ path: join(folder, "time.json"), buildTime, clock });
    const paths = { image: TRUST_PATHS.image, director: TRUST_PATHS.director(deviceId) };
    const store = (repository: "image" | "director") =>
      new MetadataStore({
        repository,
        folder: this.#folders[repository],
        metadataUrl: addressOf(`${paths[repository]}/metadata`).href,
        transport,
        time,
        clock,
        limits,
      });
    this.#orders = new TrustedOrders({
      deviceId,
      hardware,
      director: store("director"),
      image: store("image"),
      directorTargetsUrl: addressOf(`${paths.director}/targets`).href,
      transport,
      time,
      floorsPath: join(folder, "release-floors.json"),
      clock,
      limits,
    });
  }

  /** Highest release counter of a model that was installed; 0 when none was. */
  floorOf(model: string): number {
    return this.#orders.floorOf(model);
  }

  /** Notes that a bundle was committed: older releases of the model are refused from now on. Durable when it returns. */
  noteInstalled(model: string, releaseCounter: number): void {
    makeFolderDurably(this.#options.folder);
    this.#orders.noteInstalled(model, releaseCounter);
  }

  /**
   * Asks both repositories what this device shall do; before that, for their first roots where it was given none.
   *
   * @throws the signal's reason; SartorError SRT_STATE_UNUSABLE, or what the disk throws
   */
  async refresh(signal: AbortSignal): Promise<OrderResult> {
    const { transport, addressOf, clock = systemClock, limits = RETRIEVAL_LIMITS } = this.#options;
    try {
      const url = addressOf(TRUST_PATHS.roots);
      await provisionRoots({ folders: this.#folders, url, transport, clock, limits }, signal);
    } catch (error) {
      if (signal.aborted || !isTrustError(error)) throw error;
      return { outcome: "unchanged", reason: error };
    }
    return this.#orders.refresh(signal);
  }
}
