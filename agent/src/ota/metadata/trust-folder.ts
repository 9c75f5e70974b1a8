import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const TRUST = "trust";

/** An enrolment: the same device that was enrolled again has another one. */
export interface Enrolment {
  readonly deviceId: string;
  /** Made when the device was enrolled; absent for one that a former release enrolled. */
  readonly enrolmentId?: string | undefined;
}

/**
 * Where all that one enrolment trusts is kept: roots, metadata, floors, verified time. Each enrolment has a folder of its own name, so that a
 * device which was enrolled anew never reads a former identity's roots, wherever a crash came in between.
 */
export function trustFolderOf(stateFolder: string, enrolment: Enrolment): string {
  return join(stateFolder, TRUST, nameOf(enrolment));
}

/** Removes what former enrolments trusted. */
export function removeFormerTrust(stateFolder: string, current: Enrolment): void {
  const folder = join(stateFolder, TRUST);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder))
    if (name !== nameOf(current)) rmSync(join(folder, name), { recursive: true, force: true });
}

function nameOf({ deviceId, enrolmentId }: Enrolment): string {
  return enrolmentId === undefined ? deviceId : `${deviceId}.${enrolmentId}`;
}
