import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type ReportedState, TERMINAL_DEPLOYMENT_STATUSES } from "@sartor/shared/protocol";
import type { TinyBundle } from "../support/tiny-model.js";

/** Bundles that may be on a device, by id. */
type Known = ReadonlyMap<string, TinyBundle>;

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/**
 * The bundle that the `active` link names is whole: sealed, its manifest is the one that its id says, each file has its digest.
 *
 * @returns its id, or undefined where nothing is active; what is wrong in words
 */
export function lookAtActive(folder: string, known: Known): { bundleId: string | undefined; violations: string[] } {
  let target: string;
  try {
    target = readlinkSync(join(folder, "active"));
  } catch {
    return { bundleId: undefined, violations: [] };
  }
  const slot = join(folder, target);
  try {
    const { bundleId } = JSON.parse(readFileSync(join(slot, "sealed.json"), "utf8")) as { bundleId: string };
    const bundle = known.get(bundleId);
    if (bundle === undefined)
      return { bundleId, violations: [`${target} is active with ${bundleId}, which nobody made`] };
    const files = [...bundle.files].filter(
      ([name, content]) => digestOf(readFileSync(join(slot, name))) !== digestOf(content),
    );
    const violations = files.map(([name]) => `${target} is active and its ${name} is not the bundle's`);
    if (digestOf(readFileSync(join(slot, "bundle.json"))) !== bundleId)
      violations.push(`${target} is active and its manifest is not the bundle's`);
    return { bundleId, violations };
  } catch (error) {
    return { bundleId: undefined, violations: [`${target} is active and not whole: ${(error as Error).message}`] };
  }
}

/** Numbers that never fall, by name, as the state folder has them. */
export function readFloors(folder: string, isRunning: boolean): Map<string, number> {
  const floors = new Map<string, number>();
  const put = (name: string, value: unknown) => {
    if (typeof value === "number") floors.set(name, Math.max(value, floors.get(name) ?? 0));
  };
  const trust = join(folder, "trust");
  for (const enrolment of existsSync(trust) ? readdirSync(trust) : []) {
    for (const path of readdirSync(join(trust, enrolment), { recursive: true, encoding: "utf8" })) {
      // Both copies: the higher one holds, for the other one may be from before the kill.
      const name = path.replace(/\.copy$/, "");
      if (!/(floors|time)\.json$/.test(name)) continue;
      const json = readJson(join(trust, enrolment, path)) as Record<string, unknown> | undefined;
      put(`${name} generation`, json?.generation);
      put(`${name} lastVerifiedMs`, json?.lastVerifiedMs);
      put(`${name} root`, json?.root);
      for (const [model, value] of Object.entries((json?.models ?? {}) as object)) put(`${name} ${model}`, value);
      for (const [role, value] of Object.entries((json?.roles ?? {}) as object)) put(`${name} ${role}`, value.version);
    }
  }
  const settings = readSettings(folder, isRunning);
  put(
    "order generation",
    (settings.get("order") as { desired?: { generation?: number } } | undefined)?.desired?.generation,
  );
  put("report sequence", settings.get("reported.sequence"));
  return floors;
}

/**
 * What the database holds of settings, the journal among them.
 *
 * @param isRunning where no agent runs, a copy is read: opening the file itself would repair what the agent has to repair
 */
export function readSettings(folder: string, isRunning: boolean): Map<string, unknown> {
  try {
    return readSettingsOf(folder, isRunning);
  } catch (error) {
    // An agent that started on a full disk keeps its database to itself.
    if (!isRunning || (error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    return readSettingsOf(folder, false);
  }
}

const SQLITE_BUSY = 5;

function readSettingsOf(folder: string, isRunning: boolean): Map<string, unknown> {
  const copy = mkdtempSync(join(tmpdir(), "sartor-look-"));
  const settings = new Map<string, unknown>();
  const from = isRunning ? folder : copy;
  try {
    for (const name of isRunning ? [] : ["state.db", "state.db-wal"])
      if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name));
    if (!existsSync(join(from, "state.db"))) return settings;
    const database = new DatabaseSync(join(from, "state.db"), { readOnly: isRunning });
    const table = database.prepare("SELECT name FROM sqlite_master WHERE name = 'setting'").get();
    for (const row of table === undefined ? [] : database.prepare("SELECT key, value FROM setting").all())
      settings.set(String(row.key), JSON.parse(String(row.value)));
    database.close();
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return settings;
}

/** Which of the floors fell. */
export function fallen(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string[] {
  return [...before]
    .filter(([name, floor]) => (now.get(name) ?? 0) < floor)
    .map(([name, floor]) => `the floor "${name}" fell from ${floor} to ${now.get(name)}`);
}

/** Each attempt ended once: no deployment has two different ends, none goes on after its end, and no number of a report falls. */
export function lookAtReports(reports: readonly ReportedState[]): string[] {
  const violations: string[] = [];
  const ended = new Map<string, string>();
  let last: ReportedState | undefined;
  for (const report of reports) {
    if (last !== undefined && report.generation < last.generation)
      violations.push(`a report of generation ${report.generation} came after ${last.generation}`);
    if (last !== undefined && report.sequence < last.sequence)
      violations.push(`report ${report.sequence} came after ${last.sequence}`);
    last = report;
    if (report.deployment === null) continue;
    const { deploymentId, status } = report.deployment;
    const end = ended.get(deploymentId);
    if (end !== undefined && end !== status) violations.push(`deployment ${deploymentId} is ${status} after it ${end}`);
    if (TERMINAL_DEPLOYMENT_STATUSES.includes(status)) ended.set(deploymentId, status);
  }
  return violations;
}

/** What lies in the state folder, without what counts up by itself: names of files with the bytes of each kind. */
export function footprint(folder: string): Map<string, number> {
  const names = new Map<string, number>();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const stat = lstatSync(join(folder, path), { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) continue;
    // SQLite's own files come and go, and the log of changes is bounded by its checkpoints.
    if (/^state\.db-(wal|shm)$/.test(path)) continue;
    const kind = path.replace(/generations\/\d+/, "generations/N").replace(/^slots\/[ab]/, "slots/S");
    names.set(kind, (names.get(kind) ?? 0) + 1);
  }
  return names;
}

/** The files that are more than they were at first. */
export function leaked(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string[] {
  return [...now]
    .filter(([kind, number]) => number > (before.get(kind) ?? 0))
    .map(([kind, number]) => `${number} files of the kind ${kind} where there were ${before.get(kind) ?? 0}`);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
