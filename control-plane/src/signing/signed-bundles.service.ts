import { Injectable } from "@nestjs/common";
import type { Digest, ImageTargetCustom } from "@sartor/shared/protocol";
import { ImageRepository } from "./image-repository.service.js";

/** For later modules: which bundles devices would believe now. */
@Injectable()
export class SignedBundles {
  constructor(private readonly image: ImageRepository) {}

  /** Whether the key ceremony was held: before it, nothing can be signed. */
  get isReady(): boolean {
    return this.image.state.ready;
  }

  /** Whether a bundle is in the published image repository, with every signature above it in force now. */
  isSigned(bundleId: Digest | string): boolean {
    return this.image.signedBundle(bundleId) !== undefined;
  }

  /** What the image repository says of a bundle; undefined where it is not signed. */
  find(bundleId: Digest | string): ImageTargetCustom | undefined {
    return this.image.signedBundle(bundleId)?.custom;
  }
}
