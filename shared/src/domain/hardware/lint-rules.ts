import { VARIANT_KINDS } from "../../protocol/index.js";
import type { FirmwareProfile, ProfileTemplate, ResolvedProfile } from "./firmware-profile.js";
import { matchAccelerators, matchProfile, profileFits } from "./match-profile.js";
import { entryKey, inheritedFacts } from "./resolve-profile.js";
import { ADAPTERS } from "./runtime-adapters.js";

/** A profile as it was written, and with what its templates give it. */
export interface LintedProfile {
  readonly file: FirmwareProfile;
  readonly resolved: ResolvedProfile;
}

export interface LintInput {
  readonly profiles: readonly LintedProfile[];
  readonly templates: ReadonlyMap<string, ProfileTemplate>;
}

type ProfileRule = (profile: LintedProfile, input: LintInput) => string[];
type FileRule = (file: FirmwareProfile | ProfileTemplate, input: LintInput) => string[];

/** Names that stand more than once. */
const repeated = (names: readonly string[]): string[] => [
  ...new Set(names.filter((name, index) => names.indexOf(name) !== index)),
];

const specificity = ({ match }: ResolvedProfile, rules: number) => match.priority * 1000 + rules;

/** Its own reference inventory leads to the profile, and no other fits as well as it does. */
const matchesItself: ProfileRule = ({ resolved }, { profiles }) => {
  const all = profiles.map((profile) => profile.resolved);
  const own = profileFits(resolved, resolved.referenceInventory);
  if (own === undefined) return ["does not match its own reference inventory"];
  const sameRole = all.filter((other) => other.role === resolved.role && other.id !== resolved.id);
  const rivals = sameRole.flatMap((other) => profileFits(other, resolved.referenceInventory) ?? []);
  const rank = specificity(resolved, own.reasons.length);
  const ties = rivals.filter((rival) => specificity(rival.profile, rival.reasons.length) === rank);
  const found =
    resolved.role === "device"
      ? matchProfile(resolved.referenceInventory, all)
      : matchAccelerators(resolved.referenceInventory, all)[0];
  return [
    ...(found?.profile.id === resolved.id ? [] : [`its own reference inventory leads to ${found?.profile.id}`]),
    ...ties.map((tie) => `fits its reference inventory no better than ${tie.profile.id}: only their ids decide`),
  ];
};

/** Each provider can come from its adapter on this architecture, and the agent's own adapter with the CPU is there as a way out. */
const providersCanRun: ProfileRule = ({ resolved }) => {
  const { architecture } = resolved.referenceInventory.cpu;
  const offers = (adapter: keyof typeof ADAPTERS) =>
    architecture === "x64" || architecture === "arm64" ? ADAPTERS[adapter].offers[architecture] : (["cpu"] as const);
  const impossible = resolved.executionProviders.filter(
    (provider) => !(offers(provider.adapter) as readonly string[]).includes(provider.name),
  );
  const unexplained = resolved.executionProviders.filter(
    (provider) => provider.needs === undefined && (provider.name !== "cpu" || !ADAPTERS[provider.adapter].shipped),
  );
  const hasCpu = resolved.executionProviders.some(
    (provider) => provider.name === "cpu" && ADAPTERS[provider.adapter].shipped,
  );
  return [
    ...impossible.map((provider) => `${provider.adapter} does not offer ${provider.name} on ${architecture}`),
    ...unexplained.map((provider) => `does not say what ${provider.name} needs to be installed`),
    ...(resolved.role === "device" && !hasCpu
      ? ["has no way out: the CPU with the adapter that comes with the agent"]
      : []),
  ];
};

/** Every variant has a standing on every provider, and fp32 is never forbidden: it is the way out. */
const precisionsComplete: ProfileRule = ({ resolved }) => {
  const known = new Set(resolved.precisions.map((entry) => `${entry.variant} on ${entry.provider}`));
  const names = resolved.executionProviders.map((provider) => provider.name);
  const missing = names.flatMap((name) =>
    VARIANT_KINDS.map((kind) => `${kind} on ${name}`).filter((entry) => !known.has(entry)),
  );
  const foreign = resolved.precisions.filter((entry) => !names.includes(entry.provider));
  const forbidden = resolved.precisions.filter((entry) => entry.variant === "fp32" && entry.standing === "never");
  return [
    ...missing.map((entry) => `says nothing of ${entry}`),
    ...foreign.map((entry) => `speaks of ${entry.variant} on ${entry.provider}, a provider that it does not have`),
    ...forbidden.map((entry) => `forbids fp32 on ${entry.provider}, which is the way out`),
  ];
};

/** Speedups are ordered, fp32 is the measure, what is preferred wins over fp32, and nothing that is avoided beats all of it. */
const speedupsMakeSense: ProfileRule = ({ resolved }) =>
  resolved.precisions.flatMap(({ variant, provider, standing, speedup }) => {
    const preferred = resolved.precisions.filter((entry) => entry.provider === provider && entry.standing === "prefer");
    const best = Math.max(1, ...preferred.map((entry) => entry.speedup?.typical ?? 0));
    if (speedup === undefined) return [];
    const { low, typical, high } = speedup;
    const name = `${variant} on ${provider}`;
    return [
      ...(low <= typical && typical <= high ? [] : [`the speedup of ${name} is not in order: low, typical, high`]),
      ...(variant !== "fp32" || (low === 1 && high === 1) ? [] : [`the speedup of ${name} is not 1`]),
      ...(standing !== "prefer" || typical >= 1 ? [] : [`prefers ${name}, which is expected to be slower than fp32`]),
      ...(standing !== "avoid" || typical <= best ? [] : [`avoids ${name}, which is expected to be the fastest`]),
    ];
  });

/** Power modes are named once, hold the module's limit, and are those that the reference device reports. */
const powerModesAgree: ProfileRule = ({ resolved }) => {
  const { power, referenceInventory } = resolved;
  if (power === undefined) return [];
  const limit = power.maximumMilliwatts ?? Number.POSITIVE_INFINITY;
  const reported = referenceInventory.jetson?.powerModes ?? [];
  const written = (mode: { readonly id: number; readonly name: string }) => `${mode.id} ${mode.name}`;
  return [
    ...repeated(power.modes.map((mode) => mode.name)).map((name) => `has two power modes named ${name}`),
    ...power.modes
      .filter((mode) => (mode.budgetMilliwatts ?? 0) > limit)
      .map((mode) => `power mode ${mode.name} has a larger budget than the module`),
    ...reported
      .filter((mode) => !power.modes.some((other) => written(other) === written(mode)))
      .map((mode) => `the reference device reports power mode ${written(mode)}, which the profile does not know`),
  ];
};

/** A model never gets more memory than the device has. */
const memoryFits: ProfileRule = ({ resolved }) => {
  const { maximumModelBytes, sharedWithGpu } = resolved.memory;
  const { memory, accelerators } = resolved.referenceInventory;
  const own = Math.max(0, ...accelerators.map((accelerator) => accelerator.memoryBytes ?? 0));
  const total = resolved.role === "device" || sharedWithGpu ? memory.totalBytes : own;
  return [
    ...(total > 0 ? [] : ["the reference inventory has no memory to take a share of"]),
    ...((maximumModelBytes ?? 0) > total ? ["a model may take more memory than the reference device has"] : []),
  ];
};

/** Every list of source ids in a value. */
function sourceIds(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(sourceIds);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, entry]) =>
    name === "sources" && Array.isArray(entry) ? entry.filter((id) => typeof id === "string") : sourceIds(entry),
  );
}

/** Every source that a fact names is listed, and what is no assumption has one. */
const sourcesPresent: ProfileRule = ({ resolved }) => {
  const { sources, referenceInventory: _reference, ...facts } = resolved;
  const listed = new Set(sources.flatMap((source) => source.id ?? []));
  const unknown = [...new Set(sourceIds(facts))].filter((id) => !listed.has(id));
  const unfounded = resolved.executionProviders.filter(
    ({ throughput }) => throughput.sources === undefined && !throughput.basis.startsWith("Assumption:"),
  );
  return [
    ...unknown.map((id) => `names the source ${id}, which is not listed`),
    ...unfounded.map(({ name }) => `the speed of ${name} has neither a source nor the word "Assumption:"`),
  ];
};

/** Leaves of `own` that say what `inherited` says already. Keys of list entries do not count. */
function saidTwice(own: unknown, inherited: unknown, path: string, name: string): string[] {
  if (inherited === undefined) return [];
  if (Array.isArray(own) && Array.isArray(inherited) && own.every((entry) => entryKey(name, entry) !== undefined)) {
    return own.flatMap((entry) => {
      const key = entryKey(name, entry);
      const other = inherited.find((candidate) => entryKey(name, candidate) === key);
      const keys = ["id", "name", "provider", "variant"].filter((field) => field !== "name" || name !== "modes");
      const rest = Object.fromEntries(Object.entries(entry as object).filter(([field]) => !keys.includes(field)));
      return other === undefined ? [] : saidTwice(rest, other, `${path}.${key}`, "");
    });
  }
  if (typeof own === "object" && own !== null && !Array.isArray(own)) {
    return Object.entries(own).flatMap(([field, value]) =>
      saidTwice(value, (inherited as Readonly<Record<string, unknown>>)[field], `${path}.${field}`, field),
    );
  }
  return JSON.stringify(own) === JSON.stringify(inherited) ? [path.slice(1)] : [];
}

/** No copy and paste: a file says only what its templates do not say. */
const nothingSaidTwice: FileRule = (file, { templates }) => {
  const { id: _id, title: _title, profileVersion: _version, extends: _extends, $schema: _schema, ...own } = file;
  return saidTwice(own, inheritedFacts(file, templates), "", "").map(
    (path) => `${path} says what a template says already`,
  );
};

/** A list names each of its entries once. */
const entriesOnce: FileRule = (file) =>
  (["sources", "executionProviders", "precisions", "traps"] as const).flatMap((name) =>
    repeated((file[name] ?? []).flatMap((entry: unknown) => entryKey(name, entry) ?? [])).map(
      (key) => `${name} has ${key} twice`,
    ),
  );

const modesOnce: FileRule = (file) =>
  repeated((file.power?.modes ?? []).map((mode) => String(mode.id))).map(
    (id) => `has two power modes with the id ${id}`,
  );

/** A source that no fact names is a claim without a fact. */
const sourcesUsed: FileRule = (file, { profiles, templates }) => {
  const others = [...profiles.map((profile) => profile.file), ...templates.values()];
  const used = new Set(
    others.flatMap((other) => sourceIds({ ...other, sources: undefined, referenceInventory: undefined })),
  );
  return (file.sources ?? [])
    .filter((source) => source.id !== undefined && !used.has(source.id))
    .map((source) => `no fact names the source ${source.id}`);
};

const templateUsed: FileRule = (file, { profiles, templates }) => {
  if (!templates.has(file.id) || "match" in file) return [];
  const used = [...profiles.map((profile) => profile.file), ...templates.values()].some((other) =>
    other.extends?.includes(file.id),
  );
  return used ? [] : ["is extended by nothing"];
};

/** Rules about a profile with what its templates give it. */
export const PROFILE_RULES: Readonly<Record<string, ProfileRule>> = {
  "matches-itself": matchesItself,
  "providers-can-run": providersCanRun,
  "precisions-complete": precisionsComplete,
  "speedups-make-sense": speedupsMakeSense,
  "power-modes-agree": powerModesAgree,
  "memory-fits": memoryFits,
  "sources-present": sourcesPresent,
};

/** Rules about a file as it was written. */
export const FILE_RULES: Readonly<Record<string, FileRule>> = {
  "nothing-said-twice": nothingSaidTwice,
  "entries-once": entriesOnce,
  "modes-once": modesOnce,
  "sources-used": sourcesUsed,
  "template-used": templateUsed,
};
