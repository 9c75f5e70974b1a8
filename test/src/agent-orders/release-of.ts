import type { TestRelease } from "@sartor/agent/ota/testing";
import type { TinyBundle } from "../support/tiny-model.js";

/** A bundle as it is released. */
export const releaseOf = ({ bundleId, manifest, manifestBytes }: TinyBundle): TestRelease => ({
  bundleId,
  model: manifest.model,
  version: manifest.version,
  manifest: manifestBytes,
});
