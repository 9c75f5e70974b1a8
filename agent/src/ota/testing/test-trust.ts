import {
  bundleTargetPath,
  type DesiredState,
  type DirectorTargetCustom,
  type ImageTargetCustom,
  ORDER_TARGET,
  TRUST_PATHS,
} from "@sartor/shared/protocol";
import type { MetadataTransport } from "../metadata/bounded-download.js";
import { canonical, pieces, TestRepository } from "../metadata/test-repository.js";
import { wantedBundles } from "../metadata/wanted-bundles.js";

/** A bundle as it is released. */
export interface TestRelease {
  readonly bundleId: string;
  readonly model: string;
  readonly version: string;
  /** The manifest, byte for byte. */
  readonly manifest: Uint8Array;
}

/**
 * For tests: the image repository and one device's director, as a control plane serves them. It signs whatever a test asks for, and every byte
 * may be changed before it is served.
 */
export class TestTrust {
  readonly deviceId: string;
  readonly image: TestRepository;
  readonly director: TestRepository;
  /** Before it was held, there are no roots. */
  isCeremonyHeld = true;
  /** Paths that were asked for, in order. */
  readonly requests: string[] = [];
  readonly #releases = new Map<string, { readonly release: TestRelease; readonly releaseCounter: number }>();

  constructor(deviceId: string, now?: number) {
    this.deviceId = deviceId;
    this.image = new TestRepository(now);
    this.director = new TestRepository(now);
  }

  /** What is signed from now on is signed at this time, ms since 1970. */
  setTime(now: number): void {
    this.image.now = now;
    this.director.now = now;
  }

  /** Has a bundle that an order may name, and does not sign it. */
  offer(release: TestRelease, releaseCounter = 1): void {
    this.#releases.set(release.bundleId, { release, releaseCounter });
  }

  /** Signs a bundle's release. */
  release(release: TestRelease, releaseCounter = 1, changes: Partial<ImageTargetCustom> = {}): void {
    this.offer(release, releaseCounter);
    const { bundleId, model, version } = release;
    const custom: ImageTargetCustom = {
      schemaVersion: 1,
      bundleId,
      model,
      version,
      variant: { name: "fp32", kind: "fp32" },
      hardware: ["linux-x64", "linux-arm64"],
      releaseCounter,
      totalBytes: 10,
      ...changes,
    };
    this.image.addTarget(bundleTargetPath(release), Buffer.from(release.manifest), custom);
    this.image.publish();
  }

  /** Signs an order with every bundle that it names. */
  order(desired: DesiredState, changes: Partial<DirectorTargetCustom> = {}): void {
    const { director } = this;
    director.targets = {};
    // A bundle that is to be both installed and measured stands there once, as the former.
    for (const wanted of wantedBundles(desired).reverse()) {
      const known = this.#releases.get(wanted.bundleId);
      if (known === undefined) throw new Error(`${wanted.bundleId} was neither offered nor released`);
      const custom: DirectorTargetCustom = {
        schemaVersion: 1,
        deviceId: desired.deviceId,
        hardware: process.arch === "arm64" ? "linux-arm64" : "linux-x64",
        releaseCounter: known.releaseCounter,
        purpose: wanted.purpose,
        rolloutId: wanted.rolloutId,
        ...changes,
      };
      director.addTarget(bundleTargetPath(wanted), Buffer.from(known.release.manifest), custom);
    }
    const { deviceId, generation } = desired;
    const order = Buffer.from(canonical(desired));
    director.addTarget(ORDER_TARGET, order, { schemaVersion: 1, deviceId, generation });
    director.publish();
  }

  /** What is served at a path; undefined where it is none of trust's. */
  respond(path: string): { readonly status: number; readonly body: Buffer } | undefined {
    if (path === TRUST_PATHS.roots) return this.#roots();
    for (const [prefix, repository] of [
      [TRUST_PATHS.image, this.image],
      [TRUST_PATHS.director(this.deviceId), this.director],
    ] as const) {
      if (!path.startsWith(`${prefix}/`)) continue;
      const body = this.isCeremonyHeld
        ? repository.files.get(decodeURIComponent(path.slice(prefix.length + 1)))
        : undefined;
      return body === undefined ? refused(404, "SRT_NOT_FOUND") : { status: 200, body };
    }
    return undefined;
  }

  /** Serves them under any host. */
  readonly transport: MetadataTransport = async ({ pathname }) => {
    this.requests.push(pathname);
    const { status, body } = this.respond(pathname) ?? refused(404, "SRT_NOT_FOUND");
    return { status, body: pieces([body]) };
  };

  #roots() {
    if (!this.isCeremonyHeld) return refused(503, "SRT_TRUST_NO_ROOT");
    const { image, director } = this;
    const base64 = (repository: TestRepository) => repository.factoryRoot.toString("base64");
    return { status: 200, body: Buffer.from(JSON.stringify({ image: base64(image), director: base64(director) })) };
  }
}

const refused = (status: number, code: string) => ({
  status,
  body: Buffer.from(JSON.stringify({ error: { code, message: code } })),
});
