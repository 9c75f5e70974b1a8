import { imageTargetCustomSchema, type SigningRequestDetail } from "@sartor/shared/protocol";
import type { Metadata, Root, TargetFile, Targets } from "@tufjs/models";
import { type RolePlan, type RootPlan, readFamilies, readMetadata, readRoot } from "./tuf.js";

/** What is to be signed, in plain words, out of the very metadata that will be signed: nothing is taken from what the server says of it. */
export function describeRequest(
  request: Pick<SigningRequestDetail, "repository" | "role" | "metadata" | "published">,
): string[] {
  const { repository, role, published } = request;
  if (role === "root") {
    const next = readMetadata("root", request.metadata);
    const now = published === null ? undefined : readMetadata("root", published);
    return [
      head(`The root of the ${repository} repository`, next, now),
      ...rootLines(readRoot(next), now && readRoot(now)),
    ];
  }
  const next = readMetadata("targets", request.metadata);
  const now = published === null ? undefined : readMetadata("targets", published);
  const title =
    role === "targets" ? "Who may sign which model family" : `What devices may install of the model ${role}`;
  const lines = [head(title, next, now)];
  if (role === "targets") lines.push(...familyLines(next, now));
  lines.push(...targetLines(next.signed, now?.signed));
  if (lines.length === 1) lines.push("  Says the same as what is published now.");
  return lines;
}

function head(
  title: string,
  next: Metadata<Root> | Metadata<Targets>,
  now?: Metadata<Root> | Metadata<Targets>,
): string {
  const { version, expires } = next.signed;
  const before = now === undefined ? "there is none yet" : `now ${now.signed.version}, until ${now.signed.expires}`;
  return `${title}: version ${version} (${before}), holds until ${expires}.`;
}

function rootLines(next: RootPlan, now: RootPlan | undefined): string[] {
  const lines = (["root", "targets", "snapshot", "timestamp"] as const).flatMap((role) =>
    roleLines(role, next[role], now?.[role]),
  );
  return lines.length === 0 ? ["  The same keys as now."] : lines;
}

function familyLines(next: Metadata<Targets>, now: Metadata<Targets> | undefined): string[] {
  const families = readFamilies(next);
  const before = now === undefined ? new Map<string, RolePlan>() : readFamilies(now);
  const gone = [...before.keys()].filter((family) => !families.has(family));
  return [
    ...[...families].flatMap(([family, plan]) => roleLines(family, plan, before.get(family))),
    ...gone.map((family) => `  - nobody may sign ${family} any more`),
  ];
}

function roleLines(role: string, next: RolePlan, now: RolePlan | undefined): string[] {
  const has = (plan: RolePlan | undefined, keyId: string) => plan?.keys.some((key) => key.keyId === keyId) === true;
  const lines = [
    ...next.keys
      .filter(({ keyId }) => !has(now, keyId))
      .map(({ keyId }) => `  + key ${keyId.slice(0, 12)} may sign ${role}`),
    ...(now?.keys ?? [])
      .filter(({ keyId }) => !has(next, keyId))
      .map(({ keyId }) => `  - key ${keyId.slice(0, 12)} may not sign ${role} any more`),
  ];
  if (lines.length > 0 || next.threshold !== now?.threshold) {
    lines.push(`    ${role} needs ${next.threshold} of ${next.keys.length} keys`);
  }
  return lines;
}

function targetLines(next: Targets, now: Targets | undefined): string[] {
  const before = now?.targets ?? {};
  const gone = Object.keys(before).filter((path) => next.targets[path] === undefined);
  let same = 0;
  const lines = Object.values(next.targets).flatMap((target) => {
    const old = before[target.path];
    if (old?.equals(target) === true) {
      same++;
      return [];
    }
    return [`  ${old === undefined ? "+" : "~"} ${describeTarget(target, old)}`];
  });
  if (same > 0) lines.push(`    and ${same} as they are published now`);
  return [...lines, ...gone.map((path) => `  - ${path} is no longer to be installed`)];
}

function describeTarget(target: TargetFile, old: TargetFile | undefined): string {
  const custom = imageTargetCustomSchema.safeParse(target.custom);
  if (!custom.success) return `${target.path}: NOT A BUNDLE, do not sign it unless you know why`;
  const { model, version, variant, hardware, releaseCounter, totalBytes, bundleId } = custom.data;
  const before = old === undefined ? undefined : imageTargetCustomSchema.safeParse(old.custom);
  const counter =
    before?.success === true && before.data.releaseCounter !== releaseCounter
      ? `release ${before.data.releaseCounter} becomes ${releaseCounter} (devices with a newer version go back to it)`
      : `release ${releaseCounter}`;
  return `${model} ${version} ${variant.name} for ${hardware.join(", ")}, ${counter}, ${totalBytes} bytes, ${bundleId}`;
}
