import { SartorError } from "../../errors/index.js";
import {
  type FirmwareProfile,
  type ProfileTemplate,
  type ResolvedProfile,
  resolvedProfileSchema,
} from "./firmware-profile.js";

/** Deepest chain of templates. */
const MAXIMUM_DEPTH = 6;

type Part = Readonly<Record<string, unknown>>;

/** Lists whose entries have a key: entries with the same key are merged, others appended. Any other list is replaced whole. */
const KEYS: Readonly<Record<string, (entry: Part) => string>> = {
  sources: (entry) => String(entry.id ?? `${entry.fact} ${entry.source}`),
  executionProviders: (entry) => String(entry.name),
  precisions: (entry) => `${entry.provider}/${entry.variant}`,
  traps: (entry) => String(entry.id),
  modes: (entry) => String(entry.id),
};

/** The key of an entry of the list `name`; undefined where the list has no keys (`sources` inside a fact are plain ids). */
export function entryKey(name: string, entry: unknown): string | undefined {
  return typeof entry === "object" && entry !== null ? KEYS[name]?.(entry as Part) : undefined;
}

const isPart = (value: unknown): value is Part => typeof value === "object" && value !== null && !Array.isArray(value);

/** One value over another: objects field by field, keyed lists entry by entry in the order of the base, everything else replaced. */
function mergeValue(name: string, base: unknown, over: unknown): unknown {
  if (base === undefined || over === undefined) return over ?? base;
  if (isPart(base) && isPart(over)) return mergeParts(base, over);
  if (!Array.isArray(base) || !Array.isArray(over)) return over;
  if (over.some((entry) => entryKey(name, entry) === undefined)) return over;
  const merged = new Map<string, unknown>();
  for (const entry of [...base, ...over]) {
    const key = entryKey(name, entry) ?? "";
    merged.set(key, mergeValue("", merged.get(key), entry));
  }
  return [...merged.values()];
}

/** What templates and files make together: `over` wins. */
export function mergeParts(base: Part, over: Part): Part {
  const names = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...names].map((name) => [name, mergeValue(name, base[name], over[name])]));
}

/**
 * What the templates of a file give it, before its own words: each template over those before it, each over what it extends itself.
 *
 * @throws SartorError SRT_CONFIG_INVALID for a template that does not exist, or one that extends itself
 */
export function inheritedFacts(
  file: Pick<ProfileTemplate, "id" | "extends">,
  templates: ReadonlyMap<string, ProfileTemplate>,
  path: readonly string[] = [],
): Part {
  let facts: Part = {};
  for (const id of file.extends ?? []) {
    const template = templates.get(id);
    if (template === undefined) {
      throw new SartorError(
        "SRT_CONFIG_INVALID",
        `The firmware profile ${file.id} extends ${id}, which is no template.`,
      );
    }
    if (path.includes(id) || path.length >= MAXIMUM_DEPTH) {
      const chain = [...path, id].join(" > ");
      throw new SartorError("SRT_CONFIG_INVALID", `The firmware profile templates ${chain} extend each other.`);
    }
    const { id: _id, title: _title, extends: _extends, profileVersion: _version, $schema: _schema, ...own } = template;
    facts = mergeParts(facts, mergeParts(inheritedFacts(template, templates, [...path, id]), own));
  }
  return facts;
}

/** The CPU is the way out, so it comes last, whatever the order of the templates. */
const cpuLast = (providers: ResolvedProfile["executionProviders"]) =>
  [...providers].sort((a, b) => Number(a.name === "cpu") - Number(b.name === "cpu"));

/**
 * A profile with everything that its templates give it; the file's own words win, and the CPU is the last provider.
 *
 * @throws SartorError SRT_CONFIG_INVALID naming the profile and what is missing or wrong
 */
export function resolveProfile(
  file: FirmwareProfile,
  templates: ReadonlyMap<string, ProfileTemplate>,
): ResolvedProfile {
  const merged = mergeParts({ role: "device", traps: [], ...inheritedFacts(file, templates) }, file);
  const parsed = resolvedProfileSchema.safeParse(merged);
  if (!parsed.success) {
    const problems = parsed.error.issues.slice(0, 20).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      `The firmware profile ${file.id} is not complete with its templates: ${problems.join("; ")}.`,
      { details: { problems } },
    );
  }
  return { ...parsed.data, executionProviders: cpuLast(parsed.data.executionProviders) };
}
