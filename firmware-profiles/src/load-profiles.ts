import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FirmwareProfile, firmwareProfileSchema } from "@sartor/shared/domain/hardware";
import { SartorError } from "@sartor/shared/errors";

/** Folder of the profiles; `src` and `dist` both sit beside it. */
const PROFILES = fileURLToPath(new URL("../profiles", import.meta.url));

function loadFile(path: string): FirmwareProfile {
  const id = basename(path, ".json");
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new SartorError("SRT_CONFIG_INVALID", `The firmware profile ${id} is not readable JSON.`, { cause });
  }
  const parsed = firmwareProfileSchema.safeParse(content);
  if (!parsed.success) {
    const problems = parsed.error.issues.slice(0, 20).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new SartorError("SRT_CONFIG_INVALID", `The firmware profile ${id} is invalid: ${problems.join("; ")}.`, {
      details: { problems },
    });
  }
  if (parsed.data.id !== id) {
    throw new SartorError("SRT_CONFIG_INVALID", `The firmware profile in ${id}.json calls itself ${parsed.data.id}.`);
  }
  return parsed.data;
}

/**
 * Loads every firmware profile of a folder, sorted by id.
 *
 * @throws SartorError SRT_CONFIG_INVALID naming the profile and what is wrong with it
 */
export function loadProfiles(folder: string = PROFILES): FirmwareProfile[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return files.sort().map((name) => loadFile(join(folder, name)));
}

/** Path of a profile's file, for `SARTOR_EMULATED_INVENTORY` of an emulated device. */
export function profilePath(id: string): string {
  return join(PROFILES, `${id}.json`);
}
