import { SartorError } from "@sartor/shared/errors";
import { z } from "zod";
import { DurableRecord } from "./durable-record.js";
import type { RootMetadata } from "./signed-metadata.js";

const versionSchema = z.number().int().min(0);
const floorsSchema = z.object({
  root: versionSchema,
  roles: z.record(z.string(), z.object({ version: versionSchema, keyIds: z.array(z.string()).max(64) })),
});
/** Lowest version of each role that is accepted still, and whose keys the role had when that version came. */
export type Floors = z.infer<typeof floorsSchema>;

/** A repository has 256 delegated roles at most; the record stays bounded when roles come and go. */
const MOST_ROLES = 1_024;
const NONE: Floors = { root: 0, roles: {} };

/**
 * Whose keys decide whether a role's floor still holds: timestamp and snapshot have their own; the versions of targets and of delegated roles
 * come from the snapshot, so its keys vouch for them.
 */
function vouchingKeys(role: string, root: RootMetadata): { keyids: readonly string[]; threshold: number } {
  return role === "timestamp" ? root.roles.timestamp : root.roles.snapshot;
}

/**
 * Whether a floor holds under a root: as long as the keys that were the role's could still sign for it. Once fewer of them are left than the
 * threshold asks for, its keys were rotated: a repository whose stolen key had signed absurdly high versions recovers that way
 * (TUF specification 1.0, 5.3.11: fast-forward attacks).
 */
export function floorHolds(role: string, floor: { keyIds: readonly string[] }, root: RootMetadata): boolean {
  const { keyids, threshold } = vouchingKeys(role, root);
  return floor.keyIds.filter((id) => keyids.includes(id)).length >= threshold;
}

/** The first role whose version is below a floor that holds, in words; undefined when there is none. */
export function belowFloor(
  floors: Floors,
  versions: ReadonlyMap<string, number>,
  root: RootMetadata,
): { role: string; version: number; floor: number } | undefined {
  if (root.version < floors.root) return { role: "root", version: root.version, floor: floors.root };
  for (const [role, version] of versions) {
    const floor = Object.hasOwn(floors.roles, role) ? floors.roles[role] : undefined;
    if (floor !== undefined && version < floor.version && floorHolds(role, floor, root)) {
      return { role, version, floor: floor.version };
    }
  }
  return undefined;
}

/** The floors after versions were accepted. Floors that hold never fall; one whose keys were rotated begins anew. */
export function raisedFloors(floors: Floors, versions: ReadonlyMap<string, number>, root: RootMetadata): Floors {
  const roles = new Map(Object.entries(floors.roles));
  for (const [role, version] of versions) {
    const floor = roles.get(role);
    const lowest = floor !== undefined && floorHolds(role, floor, root) ? floor.version : 0;
    roles.set(role, { version: Math.max(lowest, version), keyIds: [...vouchingKeys(role, root).keyids] });
  }
  for (const [role, floor] of roles) if (roles.size > MOST_ROLES && !floorHolds(role, floor, root)) roles.delete(role);
  return { root: Math.max(floors.root, root.version), roles: Object.fromEntries(roles) };
}

/** The floors of one repository, kept apart from its generations: they hold when a generation is damaged, and after a return to the factory root. */
export class VersionFloors {
  readonly #record: DurableRecord<Floors>;

  constructor(path: string) {
    this.#record = new DurableRecord(path, floorsSchema);
  }

  load(): Floors {
    return this.#record.load()[0] ?? NONE;
  }

  /** Whether both copies of the record are gone. */
  get isLost(): boolean {
    return this.#record.load().length === 0;
  }

  /** Durable when it returns; writes nothing when nothing rose. */
  raise(versions: ReadonlyMap<string, number>, root: RootMetadata): void {
    const floors = this.load();
    const raised = raisedFloors(floors, versions, root);
    if (JSON.stringify(raised) !== JSON.stringify(floors)) this.#record.save(raised);
  }

  /** @throws SartorError SRT_TRUST_ROLLBACK */
  check(repository: string, versions: ReadonlyMap<string, number>, root: RootMetadata): void {
    const fault = belowFloor(this.load(), versions, root);
    if (fault === undefined) return;
    const { role, version, floor } = fault;
    throw new SartorError(
      "SRT_TRUST_ROLLBACK",
      `The ${role} metadata of the ${repository} repository has version ${version}; this device accepted ${floor} before.`,
      { details: { repository, ...fault } },
    );
  }
}
