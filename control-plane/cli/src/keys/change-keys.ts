import { SartorError } from "@sartor/shared/errors";
import type { SigningProposal, TrustOnlineKeys, TrustPublicKey } from "@sartor/shared/protocol";
import type { TrustApi } from "./trust-api.js";
import {
  buildRoot,
  buildTopTargets,
  type FamiliesPlan,
  type RolePlan,
  type RootPlan,
  readFamilies,
  readRoot,
  toBase64,
} from "./tuf.js";

/** What is to become of keys. */
export type KeyChange =
  /** A key gives way to another one, wherever it may sign. */
  | { readonly kind: "replace"; readonly keyId: string; readonly by: TrustPublicKey }
  /** A key may sign nothing any more. */
  | { readonly kind: "revoke"; readonly keyId: string }
  /** A model family gets a key. */
  | { readonly kind: "family"; readonly family: string; readonly key: TrustPublicKey }
  /** The same keys, a new end, and the online keys that the control plane has now. */
  | { readonly kind: "renew" };

/**
 * The new metadata that a change of keys needs, unsigned: a root of either repository, the top-level targets, or several of them.
 *
 * @throws SartorError SRT_KEY_UNKNOWN when the key may sign nothing; SRT_CONFLICT when too few keys would be left
 */
export async function planChange(api: TrustApi, change: KeyChange, now: number): Promise<SigningProposal[]> {
  const online = await api.onlineKeys();
  const proposals: SigningProposal[] = [];
  const reason = reasonOf(change);
  for (const repository of ["image", "director"] as const) {
    const root = await api.root(repository);
    const before = readRoot(root);
    const after = withOnlineKeys(changeRoot(before, change), repository, online);
    if (change.kind !== "renew" && same(changeRoot(before, change), before)) continue;
    const metadata = toBase64(buildRoot(after, root.signed.version + 1, now));
    proposals.push({ repository, role: "root", metadata, reason });
  }
  const targets = await api.topTargets();
  const families = readFamilies(targets);
  const changed = changeFamilies(families, change);
  if (change.kind === "renew" || !same([...changed], [...families])) {
    const metadata = toBase64(buildTopTargets(changed, targets.signed.version + 1, now));
    proposals.push({ repository: "image", role: "targets", metadata, reason });
  }
  if (proposals.length === 0 && (change.kind === "replace" || change.kind === "revoke")) {
    throw new SartorError(
      "SRT_KEY_UNKNOWN",
      `The key ${change.keyId.slice(0, 12)} may sign nothing, so nothing changes.`,
    );
  }
  return proposals;
}

/** A root after a change. */
export function changeRoot(plan: RootPlan, change: KeyChange): RootPlan {
  return { ...plan, root: changeRole(plan.root, change, "root"), targets: changeRole(plan.targets, change, "targets") };
}

/** Families after a change. */
export function changeFamilies(families: FamiliesPlan, change: KeyChange): FamiliesPlan {
  const next = new Map([...families].map(([name, plan]) => [name, changeRole(plan, change, name)]));
  if (change.kind === "family") {
    const before = next.get(change.family);
    if (before?.keys.some(({ keyId }) => keyId === change.key.keyId)) return next;
    next.set(change.family, { threshold: before?.threshold ?? 1, keys: [...(before?.keys ?? []), change.key] });
  }
  return next;
}

function changeRole(plan: RolePlan, change: KeyChange, role: string): RolePlan {
  if (change.kind !== "replace" && change.kind !== "revoke") return plan;
  if (!plan.keys.some(({ keyId }) => keyId === change.keyId)) return plan;
  const kept = plan.keys.filter(({ keyId }) => keyId !== change.keyId);
  const keys = change.kind === "revoke" ? kept : [...kept.filter(({ keyId }) => keyId !== change.by.keyId), change.by];
  if (keys.length >= plan.threshold) return { ...plan, keys };
  throw new SartorError(
    "SRT_CONFLICT",
    `Without this key ${role} would have ${keys.length} keys, but needs ${plan.threshold}: replace it with sartor keys rotate.`,
  );
}

/** The director's online key signs its targets too; the image repository's targets belong to people. */
function withOnlineKeys(plan: RootPlan, repository: "image" | "director", online: TrustOnlineKeys): RootPlan {
  const alone = (key: TrustPublicKey): RolePlan => ({ threshold: 1, keys: [key] });
  if (repository === "image") {
    return { ...plan, snapshot: alone(online.image.snapshot), timestamp: alone(online.image.timestamp) };
  }
  const director = alone(online.director);
  return { ...plan, targets: director, snapshot: director, timestamp: director };
}

function reasonOf(change: KeyChange): string {
  switch (change.kind) {
    case "replace":
      return `key ${change.keyId.slice(0, 12)} gives way to ${change.by.keyId.slice(0, 12)}`;
    case "revoke":
      return `key ${change.keyId.slice(0, 12)} is revoked`;
    case "family":
      return `key ${change.key.keyId.slice(0, 12)} may sign ${change.family}`;
    case "renew":
      return "a new end, and the control plane's online keys of today";
  }
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
