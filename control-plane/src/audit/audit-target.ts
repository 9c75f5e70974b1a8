import { printable } from "@sartor/shared/protocol";

/** Names of things. Only these are taken out of requests and replies: whatever else is in them may be secret. */
const NAMES = new Set([
  "bundleId",
  "buildId",
  "datasetId",
  "deploymentId",
  "deviceId",
  "digest",
  "enabled",
  "fingerprint",
  "group",
  "groups",
  "model",
  "name",
  "repository",
  "replaces",
  "requestId",
  "role",
  "rolloutId",
  "tokenId",
  "tuningId",
  "userName",
  "variant",
  "version",
]);
const LONGEST = 256;

/** What a call was about: the names in its address, then in its body, then in what came of it. */
export function auditTargetOf(...sources: readonly unknown[]): Record<string, string> {
  const target: Record<string, string> = {};
  for (const source of sources) {
    if (typeof source !== "object" || source === null || Array.isArray(source)) continue;
    for (const [name, value] of Object.entries(source)) {
      if (!NAMES.has(name) || name in target) continue;
      // Null stands for all groups, and says so; of anything else it says nothing.
      if (name === "groups" && (value === null || Array.isArray(value))) {
        target[name] = printable(value === null ? "all" : value.filter(isText).join(" "), LONGEST);
      } else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
        target[name] = printable(String(value), LONGEST);
      }
    }
  }
  return target;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
