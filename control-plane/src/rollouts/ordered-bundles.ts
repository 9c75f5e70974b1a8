import type { DesiredState } from "@sartor/shared/protocol";
import type { OrderedBundle } from "../signing/index.js";

/** Every bundle that a desired state names, once: what is to be installed may be measured as well, so installing goes before measuring. */
export function orderedBundles({ deployment, tuning }: DesiredState): OrderedBundle[] {
  const bundles = new Map<string, OrderedBundle>();
  for (const { bundle } of tuning?.candidates ?? []) {
    const { bundleId } = bundle;
    bundles.set(bundleId, { bundleId, purpose: "candidate", rolloutId: null });
  }
  if (deployment !== null) {
    const { bundleId } = deployment.bundle;
    bundles.set(bundleId, { bundleId, purpose: "deployment", rolloutId: deployment.rolloutId });
  }
  return [...bundles.values()];
}
