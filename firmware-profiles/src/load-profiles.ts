import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type FirmwareProfile,
  firmwareProfileSchema,
  type LintedProfile,
  type ProfileTemplate,
  profileTemplateSchema,
  type ResolvedProfile,
  resolveProfile,
} from "@sartor/shared/domain/hardware";
import { SartorError } from "@sartor/shared/errors";
import { inTurns } from "./in-turns.js";

/** Folder of the profiles; `src` and `dist` both sit beside it. Templates lie in the folder `templates` beside the profiles. */
const PROFILES = fileURLToPath(new URL("../profiles", import.meta.url));

type FileSchema<T> = {
  safeParse(content: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: { readonly issues: readonly { path: PropertyKey[]; message: string }[] };
      };
};

function loadFile<T extends { readonly id: string }>(path: string, schema: FileSchema<T>, what: string): T {
  const id = basename(path, ".json");
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new SartorError("SRT_CONFIG_INVALID", `The ${what} ${id} is not readable JSON.`, { cause });
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) {
    const problems = parsed.error.issues.slice(0, 20).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new SartorError("SRT_CONFIG_INVALID", `The ${what} ${id} is invalid: ${problems.join("; ")}.`, {
      details: { problems },
    });
  }
  if (parsed.data.id !== id) {
    throw new SartorError("SRT_CONFIG_INVALID", `The ${what} in ${id}.json calls itself ${parsed.data.id}.`);
  }
  return parsed.data;
}

const jsonFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => basename(name, ".json"))
    .sort()
    .map((id) => join(folder, `${id}.json`));

/** Profiles as they are written and with their templates, and the templates: what the linter reads. */
export interface ProfileFiles {
  readonly profiles: readonly LintedProfile[];
  readonly templates: ReadonlyMap<string, ProfileTemplate>;
}

/**
 * Loads every firmware profile of a folder with the templates beside it, sorted by id.
 *
 * @throws SartorError SRT_CONFIG_INVALID naming the profile or template and what is wrong with it
 */
export function loadProfileFiles(folder: string = PROFILES): ProfileFiles {
  const shared = jsonFiles(join(dirname(folder), "templates")).map((path) =>
    loadFile<ProfileTemplate>(path, profileTemplateSchema, "firmware profile template"),
  );
  const templates = new Map(shared.map((template) => [template.id, template]));
  const profiles = jsonFiles(folder)
    .map((path) => loadFile<FirmwareProfile>(path, firmwareProfileSchema, "firmware profile"))
    .map((file) => ({ file, resolved: resolveProfile(file, templates) }));
  return { profiles, templates };
}

/**
 * Loads every firmware profile with all that its templates give it. Kinds of hardware take turns, so that whoever takes the first
 * few has a mixed fleet.
 *
 * @throws SartorError SRT_CONFIG_INVALID naming the profile or template and what is wrong with it
 */
export function loadProfiles(folder: string = PROFILES): ResolvedProfile[] {
  return inTurns(loadProfileFiles(folder).profiles.map((profile) => profile.resolved));
}

/** Path of a profile's file, for `SARTOR_EMULATED_INVENTORY` of an emulated device. */
export function profilePath(id: string): string {
  return join(PROFILES, `${id}.json`);
}
