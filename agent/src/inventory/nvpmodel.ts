import type { Jetson } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { shortText } from "./text.js";

const CONFIGURATION = "/etc/nvpmodel.conf";
const STATUS = "/var/lib/nvpmodel/status";

/** What nvpmodel offers and what is set. */
export interface PowerModes {
  readonly modes: NonNullable<Jetson["powerModes"]>;
  readonly current?: NonNullable<Jetson["powerMode"]>;
}

/**
 * Reads the power mode from the two files that nvpmodel itself uses; its own query needs root on some releases.
 * The status is `pmode:0002`, on JetPack 4 `pmode:0000 fmode:quiet`; a board that was never switched has none and runs the
 * default of `< PM_CONFIG DEFAULT=n >`.
 */
export async function readPowerModes(files: SystemFiles): Promise<PowerModes> {
  const configuration = (await files.readText(CONFIGURATION)) ?? "";
  const modes = [...configuration.matchAll(/^\s*<\s*POWER_MODEL\s+ID=(\d{1,3})\s+NAME=(\S+)\s*>/gm)]
    .map((match) => ({ id: Number(match[1]), name: shortText(match[2]) ?? "" }))
    .filter((mode) => mode.id <= 255 && mode.name !== "")
    .slice(0, 32);
  const set =
    /pmode:(\d{1,4})/.exec((await files.readText(STATUS)) ?? "")?.[1] ??
    /^\s*<\s*PM_CONFIG\s+DEFAULT=(\d{1,3})/m.exec(configuration)?.[1];
  const id = set === undefined ? undefined : Number(set);
  if (id === undefined || id > 255) return { modes };
  const name = modes.find((mode) => mode.id === id)?.name;
  return { modes, current: name === undefined ? { id } : { id, name } };
}
