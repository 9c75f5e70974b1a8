import { type Digest, type ImageTargetCustom, TRUST_LIMITS, type TrustRepository } from "@sartor/shared/protocol";
import { customOf } from "./image-targets.js";
import { endOf, parseMetadata } from "./metadata.js";
import type { ServedMetadata } from "./online-metadata.js";
import type { Publication } from "./trust.repository.js";
import type { DelegatedRole, Metadata, Root, TargetFile, Targets } from "./tuf-types.js";
import { isSignedFor } from "./verify.js";

/** A bundle's target among those that devices believe. */
export interface SignedBundle {
  readonly target: TargetFile;
  readonly custom: ImageTargetCustom;
  /** Until when every signature above it holds, ms since 1970. */
  readonly until: number;
}

/** Which keys may sign a role. */
export interface RoleKeys {
  readonly threshold: number;
  readonly keyIds: readonly string[];
}

/** The newest published metadata of both repositories, parsed. A value: publishing makes another one. */
export class TrustState {
  readonly imageRoot: Metadata<Root> | undefined;
  readonly directorRoot: Metadata<Root> | undefined;
  readonly topTargets: Metadata<Targets> | undefined;
  /** Metadata of model families, by model; of those too that nobody delegates to any more. */
  readonly families: ReadonlyMap<string, Metadata<Targets>>;
  readonly served: ReadonlyMap<string, Publication>;
  readonly #bundles = new Map<string, SignedBundle>();

  constructor(newest: Iterable<Publication>) {
    const served = new Map<string, Publication>();
    for (const one of newest) served.set(keyOf(one.repository, one.role), one);
    this.served = served;
    const read = <K extends "root" | "targets">(kind: K, repository: TrustRepository, role: string) => {
      const found = served.get(keyOf(repository, role));
      return found === undefined ? undefined : parseMetadata(kind, Buffer.from(found.text, "utf8"));
    };
    this.imageRoot = read("root", "image", "root");
    this.directorRoot = read("root", "director", "root");
    this.topTargets = read("targets", "image", "targets");
    const families = new Map<string, Metadata<Targets>>();
    for (const { repository, role } of served.values()) {
      if (repository !== "image" || TOP_LEVEL.has(role)) continue;
      const metadata = read("targets", repository, role);
      if (metadata !== undefined) families.set(role, metadata);
    }
    this.families = families;
    this.#index();
  }

  /** Whether the ceremony was held. */
  get ready(): boolean {
    return this.imageRoot !== undefined && this.directorRoot !== undefined && this.topTargets !== undefined;
  }

  /** The state after some metadata was published. */
  with(publications: readonly Publication[]): TrustState {
    const next = new Map(this.served);
    for (const one of publications) next.set(keyOf(one.repository, one.role), one);
    return new TrustState(next.values());
  }

  find(repository: TrustRepository, role: string): Publication | undefined {
    return this.served.get(keyOf(repository, role));
  }

  /** All targets roles of the image repository, for its snapshot: once listed, a role stays listed, or clients refuse the snapshot. */
  targetsRoles(): Record<string, ServedMetadata> {
    const roles: Record<string, ServedMetadata> = {};
    for (const role of ["targets", ...this.families.keys()].sort()) {
      const found = this.find("image", role);
      if (found !== undefined) roles[role] = found;
    }
    return roles;
  }

  /** The delegation to a model family; undefined where its keys are not named. */
  delegationTo(model: string): DelegatedRole | undefined {
    return this.topTargets?.signed.delegations?.roles?.[model];
  }

  /** The keys that may sign a role's next metadata; undefined for roles that nobody delegates to. */
  keysOf(repository: TrustRepository, role: string): RoleKeys | undefined {
    const root = repository === "image" ? this.imageRoot : this.directorRoot;
    const found = root?.signed.roles[role] ?? (repository === "image" ? this.delegationTo(role) : undefined);
    return found === undefined ? undefined : { threshold: found.threshold, keyIds: found.keyIDs };
  }

  /** The public key (hex) of a key id; undefined where no role lists it. */
  publicKey(repository: TrustRepository, keyId: string): string | undefined {
    const root = repository === "image" ? this.imageRoot : this.directorRoot;
    const delegated = repository === "image" ? this.topTargets?.signed.delegations?.keys[keyId] : undefined;
    return (root?.signed.keys[keyId] ?? delegated)?.keyVal.public;
  }

  /** Whether a role's newest metadata is signed by enough of the keys that may sign it now. */
  isSigned(repository: TrustRepository, role: string): boolean {
    const root = repository === "image" ? this.imageRoot : this.directorRoot;
    if (root === undefined) return false;
    if (role === "root") return isSignedFor(root, "root", root);
    if (role === "targets") return this.topTargets !== undefined && isSignedFor(root, "targets", this.topTargets);
    if (role === "snapshot" || role === "timestamp") {
      const found = this.find(repository, role);
      return found !== undefined && isSignedFor(root, role, parseMetadata(role, Buffer.from(found.text, "utf8")));
    }
    const family = this.families.get(role);
    return family !== undefined && this.topTargets !== undefined && isSignedFor(this.topTargets, role, family);
  }

  /** A bundle as a device that looks now would find it; undefined where it would not, or where metadata above it has ended. */
  bundle(bundleId: Digest | string, now: number): SignedBundle | undefined {
    const found = this.#bundles.get(bundleId);
    return found === undefined || found.until <= now ? undefined : found;
  }

  #index(): void {
    const { imageRoot, topTargets } = this;
    if (imageRoot === undefined || topTargets === undefined || !isSignedFor(imageRoot, "targets", topTargets)) return;
    for (const [model, family] of this.families) {
      if (!isSignedFor(topTargets, model, family)) continue;
      const until = Math.min(endOf(imageRoot), endOf(topTargets), endOf(family));
      const delegation = this.delegationTo(model);
      for (const target of Object.values(family.signed.targets).slice(0, TRUST_LIMITS.targetsARole)) {
        const custom = customOf(target);
        if (custom === undefined || delegation?.isDelegatedPath(target.path) !== true) continue;
        this.#bundles.set(custom.bundleId, { target, custom, until });
      }
    }
  }
}

const TOP_LEVEL: ReadonlySet<string> = new Set(["root", "targets", "snapshot", "timestamp"]);
const keyOf = (repository: string, role: string) => `${repository}/${role}`;
