import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  countSchema,
  type Digest,
  type DirectorTargetCustom,
  deviceIdSchema,
  type HardwareId,
  ORDER_TARGET,
  TRUST_LIMITS,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { Clock, Settings } from "../config/index.js";
import { DirectorRepository, type DirectorRow } from "./director.repository.js";
import { type DirectorBundle, directorTargets, signDirector } from "./director-metadata.js";
import { ImageRepository } from "./image-repository.service.js";
import { KeyStore } from "./key-store.js";
import { DAY_MS, LIVES } from "./lives.js";
import { expiresAfter, parseMetadata, sha256Hex } from "./metadata.js";
import { makeTimestamp, onlineVersion } from "./online-metadata.js";
import type { TargetFile } from "./tuf-types.js";

/** A bundle that a device's desired state names. */
export interface OrderedBundle {
  readonly bundleId: Digest;
  readonly purpose: DirectorTargetCustom["purpose"];
  readonly rolloutId: string | null;
}

/** A device's whole order. */
export interface Order {
  readonly deviceId: string;
  /** The desired state as canonical JSON, UTF-8: these bytes are signed and served. */
  readonly desired: Uint8Array;
  /** Every bundle that it names. */
  readonly bundles: readonly OrderedBundle[];
  /** What the device is, the most special id first; one of them has to be among the bundle's. */
  readonly hardware: readonly HardwareId[];
}

/** What of an order is signed beside its bytes. */
const orderSchema = z.object({ deviceId: deviceIdSchema, generation: countSchema });
/** Lives above this are the policy of sites that are offline for long: their timestamps have to last, too. */
const ONLINE_LIFE_DAYS = 7;

/** The director: what each device shall do, signed for it alone, in a repository of its own. */
@Injectable()
export class DirectorService {
  readonly #lifeMs: number;
  readonly #timestampLifeMs: number;

  constructor(
    private readonly repository: DirectorRepository,
    private readonly image: ImageRepository,
    private readonly keys: KeyStore,
    private readonly clock: Clock,
    settings: Settings,
  ) {
    const days = settings.directorExpiryDays;
    this.#lifeMs = days * DAY_MS;
    this.#timestampLifeMs = days > ONLINE_LIFE_DAYS ? this.#lifeMs : Math.min(LIVES.timestamp.lifeMs, this.#lifeMs);
  }

  /**
   * Signs a device's order with the bundles that it names; resolves once it is committed, and only then is it served. The same order
   * again costs nothing. Orders that are published at the same time are committed together.
   *
   * @throws SartorError SRT_TRUST_NO_ROOT before the key ceremony; SRT_TRUST_UNSIGNED when a bundle is not in the published image
   *   repository; SRT_TRUST_WRONG_HARDWARE; SRT_TRUST_WRONG_DEVICE when the order is another device's; SRT_TRUST_ROLLBACK when a newer
   *   generation was published
   */
  async publish(order: Order): Promise<{ readonly version: number }> {
    this.image.requireReady();
    const { deviceId, desired } = order;
    if (desired.byteLength > TRUST_LIMITS.orderBytes) {
      throw new SartorError("SRT_BODY_TOO_LARGE", `An order has at most ${TRUST_LIMITS.orderBytes} bytes.`);
    }
    const text = Buffer.from(desired).toString("utf8");
    const said = orderSchema.parse(JSON.parse(text));
    if (said.deviceId !== deviceId) {
      throw new SartorError("SRT_TRUST_WRONG_DEVICE", `The order is for ${said.deviceId}, not for ${deviceId}.`);
    }
    const bundles = order.bundles.map((bundle) => this.bundle(order, bundle));
    const targets = directorTargets({ text, ...said }, bundles);
    const row = await this.repository.change(deviceId, (before) => {
      if (before !== undefined && before.generation > said.generation) {
        throw new SartorError(
          "SRT_TRUST_ROLLBACK",
          `Generation ${before.generation} was published for ${deviceId}; ${said.generation} is older.`,
        );
      }
      if (before?.order_text === text && sameTargets(before, targets) && !this.isStale(before)) return undefined;
      return this.sign(deviceId, before, { text, generation: said.generation, targets });
    });
    if (row === undefined) throw new Error(`The order of ${deviceId} was not written.`);
    return { version: row.version };
  }

  /**
   * A file of the device's metadata. Whoever asks for the timestamp gets one that is at most half through its life.
   *
   * @throws SartorError SRT_NOT_FOUND
   */
  async metadata(deviceId: string, role: "targets" | "snapshot" | "timestamp", version?: number): Promise<string> {
    let row = await this.repository.find(deviceId);
    if (row !== undefined && role === "timestamp" && this.isStale(row)) {
      row = await this.repository.change(deviceId, (before) => (before === undefined ? undefined : this.renew(before)));
    }
    if (row === undefined || (version !== undefined && version !== row.version)) {
      throw new SartorError("SRT_NOT_FOUND", `There is no such ${role} metadata for ${deviceId}.`);
    }
    return row[role];
  }

  /**
   * The order's bytes.
   *
   * @param sha256 what the targets metadata says of them, hex
   * @throws SartorError SRT_NOT_FOUND when there is a newer order
   */
  async order(deviceId: string, sha256: string): Promise<Buffer> {
    const row = await this.repository.find(deviceId);
    const bytes = row === undefined ? undefined : Buffer.from(row.order_text, "utf8");
    if (bytes === undefined || sha256Hex(bytes) !== sha256) {
      throw new SartorError("SRT_NOT_FOUND", `${deviceId} has another order now: look at its metadata again.`);
    }
    return bytes;
  }

  /** Removes the repository of a device that is no more; called once nothing is on its way to it. */
  forget(deviceId: string): Promise<void> {
    return this.repository.remove(deviceId);
  }

  /** Devices that have a repository. */
  count(): Promise<number> {
    return this.repository.count();
  }

  private bundle(order: Order, { bundleId, purpose, rolloutId }: OrderedBundle): DirectorBundle {
    const signed = this.image.signedBundle(bundleId);
    if (signed === undefined) {
      throw new SartorError("SRT_TRUST_UNSIGNED", `The bundle ${bundleId} is not in the signed image repository.`, {
        details: { bundleId },
      });
    }
    const hardware = order.hardware.find((id) => signed.custom.hardware.includes(id));
    if (hardware === undefined) {
      throw new SartorError(
        "SRT_TRUST_WRONG_HARDWARE",
        `${signed.target.path} is for ${signed.custom.hardware.join(", ")}; ${order.deviceId} is ${order.hardware.join(", ")}.`,
        { details: { bundleId } },
      );
    }
    const { releaseCounter } = signed.custom;
    const custom = {
      schemaVersion: 1 as const,
      deviceId: order.deviceId,
      hardware,
      releaseCounter,
      purpose,
      rolloutId,
    };
    return { target: signed.target, custom };
  }

  private sign(
    deviceId: string,
    before: DirectorRow | undefined,
    order: { readonly text: string; readonly generation: number; readonly targets: Record<string, TargetFile> },
  ): DirectorRow {
    const now = this.clock.now();
    const key = this.keys.get("director-online");
    const version = onlineVersion(before?.version, now);
    const timestampVersion = onlineVersion(before?.timestamp_version, now);
    const signed = signDirector(
      order.targets,
      {
        version,
        timestampVersion,
        expires: expiresAfter(now, this.#lifeMs),
        timestampExpires: expiresAfter(now, this.#timestampLifeMs),
      },
      key,
    );
    return {
      device_id: deviceId,
      version,
      timestamp_version: timestampVersion,
      key_id: key.keyId,
      generation: order.generation,
      order_text: order.text,
      targets: signed.targets.text,
      snapshot: signed.snapshot.text,
      timestamp: signed.timestamp.text,
      signed_at: now,
      timestamp_signed_at: now,
    };
  }

  private renew(before: DirectorRow): DirectorRow | undefined {
    if (!this.isStale(before)) return undefined;
    const now = this.clock.now();
    const key = this.keys.get("director-online");
    if (this.isPastHalf(before.signed_at, this.#lifeMs) || before.key_id !== key.keyId) {
      const { targets } = parseMetadata("targets", Buffer.from(before.targets, "utf8")).signed;
      return this.sign(before.device_id, before, { text: before.order_text, generation: before.generation, targets });
    }
    const version = onlineVersion(before.timestamp_version, now);
    const expires = expiresAfter(now, this.#timestampLifeMs);
    const timestamp = makeTimestamp({ version: before.version, text: before.snapshot }, version, expires, key);
    return { ...before, timestamp_version: version, timestamp: timestamp.text, timestamp_signed_at: now };
  }

  private isStale(row: DirectorRow): boolean {
    return (
      row.key_id !== this.keys.get("director-online").keyId ||
      this.isPastHalf(row.signed_at, this.#lifeMs) ||
      this.isPastHalf(row.timestamp_signed_at, this.#timestampLifeMs)
    );
  }

  /** Whether half of a life is over; a clock that was set back counts as over, too. */
  private isPastHalf(since: number, lifeMs: number): boolean {
    const age = this.clock.now() - since;
    return age < 0 || age > lifeMs / 2;
  }
}

function sameTargets(row: DirectorRow, targets: Record<string, TargetFile>): boolean {
  const before = parseMetadata("targets", Buffer.from(row.targets, "utf8")).signed.targets;
  const paths = Object.keys(targets);
  return (
    paths.length === Object.keys(before).length &&
    paths.every((path) => path === ORDER_TARGET || (before[path] !== undefined && targets[path]?.equals(before[path])))
  );
}
