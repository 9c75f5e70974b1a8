import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { HardwareId } from "@sartor/shared/protocol";
import { DeviceIdentities } from "../auth/index.js";
import { SignedBundles } from "../signing/index.js";

/** Why a device would refuse a bundle; undefined where it would not. */
export type RefusalOf = (bundleId: string) => SartorError | undefined;

/** Which bundles devices would believe and run: signed by people, for a kind of hardware that the device said it is. */
@Injectable()
export class InstallableBundles {
  constructor(
    private readonly signed: SignedBundles,
    private readonly identities: DeviceIdentities,
  ) {}

  /** @throws SartorError SRT_TRUST_NO_ROOT before the key ceremony */
  requireCeremony(): void {
    if (this.signed.isReady) return;
    throw new SartorError(
      "SRT_TRUST_NO_ROOT",
      "No key ceremony was held, so no device would believe an order. Hold it first: sartor keys ceremony.",
    );
  }

  isSigned(bundleId: string): boolean {
    return this.signed.find(bundleId) !== undefined;
  }

  /** What says for each of some devices whether it would take a bundle. */
  async forDevices(deviceIds: readonly string[]): Promise<(deviceId: string) => RefusalOf> {
    const hardware = await this.identities.hardwareOf(deviceIds);
    return (deviceId) => (bundleId) => this.refusal(bundleId, hardware.get(deviceId) ?? []);
  }

  /** The same for one device. */
  async forDevice(deviceId: string): Promise<RefusalOf> {
    return (await this.forDevices([deviceId]))(deviceId);
  }

  private refusal(bundleId: string, hardware: readonly HardwareId[]): SartorError | undefined {
    const found = this.signed.find(bundleId);
    if (found === undefined) return unsigned(bundleId);
    if (found.hardware.some((id) => hardware.includes(id))) return undefined;
    return new SartorError(
      "SRT_TRUST_WRONG_HARDWARE",
      `Variant ${found.variant.name} is signed for ${found.hardware.join(", ")}; the device is ${hardware.join(", ")}.`,
      { details: { bundleId, hardware: found.hardware } },
    );
  }
}

function unsigned(bundleId: string): SartorError {
  return new SartorError("SRT_TRUST_UNSIGNED", `The bundle ${bundleId} is not signed: sartor keys requests.`, {
    details: { bundleId },
  });
}
