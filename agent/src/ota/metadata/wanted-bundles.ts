import type { DesiredState } from "@sartor/shared/protocol";
import type { WantedBundle } from "./match-bundle.js";

/** Every bundle that a desired state names: the deployment's, and each that shall be measured. One named in both ways stands twice. */
export function wantedBundles({ deployment, tuning }: DesiredState): WantedBundle[] {
  const wanted: WantedBundle[] = [];
  if (deployment !== null) {
    wanted.push({ ...deployment.bundle, purpose: "deployment", rolloutId: deployment.rolloutId });
  }
  if (tuning === null) return wanted;
  const seen = new Set<string>();
  for (const { bundle } of tuning.candidates) {
    // The same bundle is measured in several ways: that is one question to the repositories.
    const key = `${bundle.bundleId} ${bundle.manifestBytes}`;
    if (seen.has(key)) continue;
    seen.add(key);
    wanted.push({ ...bundle, model: tuning.model, version: tuning.version, purpose: "candidate", rolloutId: null });
  }
  return wanted;
}
