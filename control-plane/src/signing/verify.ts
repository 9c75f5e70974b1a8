import { SartorError } from "@sartor/shared/errors";
import { TRUST_LIMITS, type TrustRepository } from "@sartor/shared/protocol";
import type { Metadata, Root, Snapshot, Targets, Timestamp } from "@tufjs/models";
import { keyIdOf } from "./ed25519.js";
import { endOf, invalid } from "./metadata.js";

type Delegator = Metadata<Root> | Metadata<Targets>;
type Delegated = Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>;

/** Keys that a root may list: far above what people hold, far below what costs time. */
const MAXIMUM_KEYS = 64;

/** Whether enough of a role's keys signed; by the very function that clients verify with. */
export function isSignedFor(delegator: Delegator, role: string, metadata: Delegated): boolean {
  try {
    (delegator as Metadata<Root>).verifyDelegate(role, metadata as Metadata<Root>);
    return true;
  } catch {
    return false;
  }
}

/** @throws SartorError SRT_TRUST_SIGNATURE */
export function requireSignedFor(delegator: Delegator, role: string, metadata: Delegated, by: string): void {
  if (isSignedFor(delegator, role, metadata)) return;
  throw new SartorError("SRT_TRUST_SIGNATURE", `The metadata of ${role} is not signed by enough keys of ${by}.`, {
    details: { role },
  });
}

/**
 * Checks the first root, which is trusted because an operator hands it in: by its own keys.
 *
 * @throws SartorError SRT_TRUST_SIGNATURE, SRT_TRUST_EXPIRED, SRT_TRUST_METADATA_INVALID
 */
export function verifyFirstRoot(root: Metadata<Root>, now: number): void {
  if (root.signed.version !== 1) throw invalid("root", `has version ${root.signed.version}; the first one is 1`);
  checkRoot(root, now);
  requireSignedFor(root, "root", root, "its own");
}

/**
 * Checks a new root as clients do (TUF 1.0, section 5.3): one version on, signed by the old root's threshold and by its own.
 *
 * @throws SartorError SRT_TRUST_SIGNATURE, SRT_TRUST_ROLLBACK, SRT_TRUST_EXPIRED, SRT_TRUST_METADATA_INVALID
 */
export function verifyNextRoot(current: Metadata<Root>, next: Metadata<Root>, now: number): void {
  checkNextRoot(current, next, now);
  requireSignedFor(current, "root", next, "the root before it");
  requireSignedFor(next, "root", next, "its own");
}

/** The same without signatures: for a root that is to be signed. */
export function checkNextRoot(current: Metadata<Root>, next: Metadata<Root>, now: number): void {
  requireNextVersion("root", current.signed.version, next.signed.version);
  checkRoot(next, now);
}

/** @throws SartorError SRT_TRUST_EXPIRED, SRT_TRUST_METADATA_INVALID */
function checkRoot(root: Metadata<Root>, now: number): void {
  const { keys, roles, consistentSnapshot } = root.signed;
  if (!consistentSnapshot) throw invalid("root", "does not ask for consistent snapshots");
  if (Object.keys(keys).length > MAXIMUM_KEYS) throw invalid("root", `lists more than ${MAXIMUM_KEYS} keys`);
  checkKeys("root", keys);
  for (const [name, role] of Object.entries(roles)) {
    if (!["root", "targets", "snapshot", "timestamp"].includes(name)) throw invalid("root", `has a role ${name}`);
    checkRole(name, role, keys);
  }
  requireUnexpired("root", root, now);
}

/**
 * Checks what the top-level targets of the image repository say: only delegations to model families, each for its own paths and terminating.
 *
 * @throws SartorError SRT_TRUST_EXPIRED, SRT_TRUST_METADATA_INVALID
 */
export function checkTopTargets(targets: Metadata<Targets>, pathsOf: (model: string) => string[], now: number): void {
  const { delegations } = targets.signed;
  if (Object.keys(targets.signed.targets).length > 0) throw invalid("targets", "names targets; families do that");
  requireUnexpired("targets", targets, now);
  if (delegations === undefined) return;
  const roles = Object.values(delegations.roles ?? {});
  if (delegations.succinctRoles !== undefined) throw invalid("targets", "has succinct roles");
  if (roles.length > TRUST_LIMITS.delegatedRoles) {
    throw invalid("targets", `has ${roles.length} delegations; at most ${TRUST_LIMITS.delegatedRoles} are accepted`);
  }
  checkKeys("targets", delegations.keys);
  for (const role of roles) {
    checkRole(role.name, role, delegations.keys);
    if (!role.terminating || JSON.stringify(role.paths) !== JSON.stringify(pathsOf(role.name))) {
      throw invalid("targets", `delegates to ${role.name} otherwise than terminating and for ${pathsOf(role.name)}`);
    }
  }
}

/** Top-level targets are signed by the keys that the root names for them. */
export function verifyTopTargets(root: Metadata<Root>, targets: Metadata<Targets>): void {
  requireSignedFor(root, "targets", targets, "the root");
}

/** @throws SartorError SRT_TRUST_METADATA_INVALID when the root does not name the keys that this control plane signs with */
export function requireOnlineKeys(
  repository: TrustRepository,
  root: Metadata<Root>,
  keys: Readonly<Record<string, string>>,
): void {
  for (const [role, keyId] of Object.entries(keys)) {
    const found = root.signed.roles[role];
    if (found?.threshold === 1 && found.keyIDs.includes(keyId)) continue;
    throw invalid(
      `${repository} root`,
      `does not let this control plane's online key ${keyId.slice(0, 12)} sign ${role} alone; make it with: sartor keys rotate`,
    );
  }
}

/** @throws SartorError SRT_TRUST_ROLLBACK */
export function requireNextVersion(role: string, current: number, next: number): void {
  if (next === current + 1) return;
  throw new SartorError(
    "SRT_TRUST_ROLLBACK",
    `The metadata of ${role} has version ${next}; after ${current} comes ${current + 1}.`,
    { details: { role, current, next } },
  );
}

function requireUnexpired(role: string, metadata: Metadata<Root> | Metadata<Targets>, now: number): void {
  if (endOf(metadata) > now) return;
  throw new SartorError("SRT_TRUST_EXPIRED", `The metadata of ${role} ended at ${metadata.signed.expires}.`, {
    details: { role },
  });
}

function checkKeys(
  where: string,
  keys: Readonly<Record<string, { keyID: string; keyType: string; scheme: string; keyVal: Record<string, string> }>>,
): void {
  for (const [id, key] of Object.entries(keys)) {
    const hex = key.keyVal.public ?? "";
    const isEd25519 = key.keyType === "ed25519" && key.scheme === "ed25519" && /^[0-9a-f]{64}$/.test(hex);
    // One key under two ids would count twice towards a threshold.
    if (!isEd25519 || key.keyID !== id || keyIdOf(hex) !== id) {
      throw invalid(where, `lists ${id.slice(0, 12)}, which is no ed25519 key with its own id`);
    }
  }
}

function checkRole(
  name: string,
  role: { readonly keyIDs: string[]; readonly threshold: number },
  keys: Readonly<Record<string, unknown>>,
): void {
  const distinct = new Set(role.keyIDs);
  if (distinct.size !== role.keyIDs.length) throw invalid(name, "lists a key twice");
  if (role.keyIDs.some((id) => keys[id] === undefined)) throw invalid(name, "names a key that is not listed");
  if (!Number.isInteger(role.threshold) || role.threshold < 1 || role.threshold > distinct.size) {
    throw invalid(name, `asks for ${role.threshold} signatures of ${distinct.size} keys`);
  }
}
