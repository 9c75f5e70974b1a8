import { type ErrorCode, SartorError } from "@sartor/shared/errors";
import {
  bundleTargetPath,
  type DirectorTargetCustom,
  directorTargetCustomSchema,
  type HardwareId,
  type ImageTargetCustom,
  imageTargetCustomSchema,
} from "@sartor/shared/protocol";
import type { z } from "zod";

/** What a repository says about a target; tuf-js' TargetFile is one. */
export interface TargetStatement {
  readonly length: number;
  /** Hex digests by algorithm. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly custom: unknown;
}

/** A bundle that an order names. */
export interface WantedBundle {
  readonly bundleId: string;
  readonly manifestBytes: number;
  readonly model: string;
  readonly version: string;
  readonly purpose: "deployment" | "candidate";
  /** The rollout that it belongs to; null where none does. */
  readonly rolloutId: string | null;
}

/** What this device knows about itself. */
export interface DeviceFacts {
  readonly deviceId: string;
  readonly hardware: readonly HardwareId[];
  /** Lowest release counter of a model that may be installed; 0 when none was. */
  floorOf(model: string): number;
}

/** A bundle that both repositories vouch for: the manifest that arrives must have this length and digest. */
export interface VerifiedBundle {
  readonly bundleId: string;
  readonly path: string;
  /** Bytes of the manifest. */
  readonly length: number;
  /** SHA-256 of the manifest, hex. */
  readonly sha256: string;
  readonly releaseCounter: number;
  readonly image: ImageTargetCustom;
  readonly director: DirectorTargetCustom;
}

/**
 * Uptane's full verification of one image (Uptane Standard 2.1.0, 5.4.4.2): both repositories name it with the same length and hashes, it is
 * for this device and its hardware, and it is not older than what was installed. Pure: both statements were verified before.
 *
 * @throws SartorError SRT_TRUST_UNSIGNED, _MISMATCH, _METADATA_INVALID, _WRONG_DEVICE, _WRONG_HARDWARE, _ROLLBACK
 */
export function matchBundle(
  wanted: WantedBundle,
  statements: { director: TargetStatement | undefined; image: TargetStatement | undefined },
  device: DeviceFacts,
): VerifiedBundle {
  const path = bundleTargetPath(wanted);
  const about = { details: { bundleId: wanted.bundleId, path } };
  const refuse = (code: ErrorCode, reason: string) => new SartorError(code, `Bundle ${path}: ${reason}.`, about);
  const { director, image } = statements;
  if (director === undefined) throw refuse("SRT_TRUST_MISMATCH", "the order names it, the director's targets do not");
  if (image === undefined) throw refuse("SRT_TRUST_UNSIGNED", "the image repository does not have it");

  if (director.length !== image.length || !sameHashes(director.hashes, image.hashes)) {
    throw refuse("SRT_TRUST_MISMATCH", "director and image repository give different lengths or hashes");
  }
  const sha256 = Object.hasOwn(image.hashes, "sha256") ? image.hashes.sha256 : undefined;
  if (sha256 === undefined || `sha256:${sha256}` !== wanted.bundleId || image.length !== wanted.manifestBytes) {
    throw refuse(
      "SRT_TRUST_MISMATCH",
      "the signed length and SHA-256 are not those of the bundle that the order names",
    );
  }

  const ordered = parseCustom(directorTargetCustomSchema, director.custom, "director", path);
  const released = parseCustom(imageTargetCustomSchema, image.custom, "image", path);
  if (ordered.deviceId !== device.deviceId) {
    throw refuse("SRT_TRUST_WRONG_DEVICE", `it was ordered for ${ordered.deviceId}, this is ${device.deviceId}`);
  }
  if (released.bundleId !== wanted.bundleId || released.model !== wanted.model || released.version !== wanted.version) {
    throw refuse("SRT_TRUST_MISMATCH", `it was released as ${released.model} ${released.version}`);
  }
  // What was ordered to be installed may also be measured; what was ordered to be measured only is not installed.
  if (wanted.purpose === "deployment" && ordered.purpose !== "deployment") {
    throw refuse("SRT_TRUST_MISMATCH", "the director's targets have it as a candidate for measuring only");
  }
  if (wanted.purpose === "deployment" && ordered.rolloutId !== wanted.rolloutId) {
    throw refuse("SRT_TRUST_MISMATCH", `order and director's targets name different rollouts (${ordered.rolloutId})`);
  }
  if (!device.hardware.includes(ordered.hardware) || !released.hardware.includes(ordered.hardware)) {
    throw refuse(
      "SRT_TRUST_WRONG_HARDWARE",
      `ordered for ${ordered.hardware}, runs on ${released.hardware.join(", ")}, this device is ${device.hardware.join(", ")}`,
    );
  }
  if (ordered.releaseCounter !== released.releaseCounter) {
    throw refuse(
      "SRT_TRUST_MISMATCH",
      `release counters ${ordered.releaseCounter} and ${released.releaseCounter} differ`,
    );
  }
  const floor = device.floorOf(wanted.model);
  if (released.releaseCounter < floor) {
    throw refuse(
      "SRT_TRUST_ROLLBACK",
      `its release counter ${released.releaseCounter} is below the installed ${floor}`,
    );
  }
  return {
    bundleId: wanted.bundleId,
    path,
    length: image.length,
    sha256,
    releaseCounter: released.releaseCounter,
    image: released,
    director: ordered,
  };
}

function sameHashes(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const algorithms = Object.keys(one);
  return (
    algorithms.length === Object.keys(other).length &&
    algorithms.every((name) => Object.hasOwn(other, name) && one[name] === other[name])
  );
}

function parseCustom<T>(schema: z.ZodType<T>, custom: unknown, repository: string, path: string): T {
  const result = schema.safeParse(custom);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new SartorError(
    "SRT_TRUST_METADATA_INVALID",
    `What the ${repository} repository says about ${path} does not fit its schema: ${issue?.path.join(".")}: ${issue?.message}.`,
    { details: { repository, path } },
  );
}
