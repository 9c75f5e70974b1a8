import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { z } from "zod";
import { makeFolderDurably, syncFolder, writeFileDurably } from "../storage/index.js";
import {
  type PlacedRelease,
  planFirst,
  planTrial,
  type ReleaseSlot,
  type SupervisorState,
  supervisorStateSchema,
} from "./plan-start.js";

/** What a release says of itself. Its id is the SHA-256 of this file's bytes. */
export const RELEASE_FILE = "release.json";
const STATE_FILE = "supervisor.json";
const REQUEST_FILE = "request.json";

const MOST_FILES = 100_000;
const LARGEST_DESCRIPTION_BYTES = 32 * 1024 * 1024;

const relativePath = z
  .string()
  .max(1_024)
  .refine(
    (path) => path !== "" && !path.includes("\\") && path.split("/").every((part) => !["", ".", ".."].includes(part)),
    {
      error: "expected a path inside the release",
    },
  );
const releaseSchema = z.object({
  schemaVersion: z.literal(1),
  /** As people know it. */
  version: z.string().min(1).max(64),
  /** The program that is started. */
  entry: relativePath,
  files: z
    .array(
      z.object({
        path: relativePath,
        bytes: z.number().int().min(0),
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
      }),
    )
    .min(1)
    .max(MOST_FILES),
});
export type Release = z.infer<typeof releaseSchema>;

const requestSchema = z.object({ slot: z.enum(["a", "b"]), releaseId: z.string() });

/**
 * Releases of the agent on the disk:
 *
 *     releases/a, releases/b   a release each: its files, and release.json, which is written last
 *     supervisor.json          which one is committed, which one is on trial; written by the supervisor alone
 *     request.json             a release that was installed and waits to be tried; written by whoever installs
 */
export class ReleaseStore {
  readonly #root: string;

  /** @param root made when it is missing */
  constructor(root: string) {
    this.#root = root;
    makeFolderDurably(join(root, "releases"), 0o755);
  }

  folder(slot: ReleaseSlot): string {
    return join(this.#root, "releases", slot);
  }

  /** What the supervisor knows; undefined before the first release. @throws SartorError SRT_STATE_UNUSABLE */
  load(): SupervisorState | undefined {
    const path = join(this.#root, STATE_FILE);
    if (!existsSync(path)) return undefined;
    try {
      return supervisorStateSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (cause) {
      throw new SartorError("SRT_STATE_UNUSABLE", `${path} cannot be read; install the agent anew.`, { cause });
    }
  }

  /** Durable when it returns. */
  save(state: SupervisorState): void {
    writeFileDurably(join(this.#root, STATE_FILE), JSON.stringify(state));
  }

  /** Takes the request of an installation into account; a request counts once. */
  takeRequest(state: SupervisorState): SupervisorState | undefined {
    const path = join(this.#root, REQUEST_FILE);
    if (!existsSync(path)) return undefined;
    const next = this.#planOf(state, path);
    if (next !== undefined) this.save(next);
    rmSync(path, { force: true });
    syncFolder(this.#root);
    return next;
  }

  #planOf(state: SupervisorState, path: string): SupervisorState | undefined {
    const request = requestSchema.safeParse(parsed(readFileSync(path, "utf8")));
    if (!request.success) return undefined;
    const { slot, releaseId } = request.data;
    return this.read(slot)?.releaseId === releaseId ? planTrial(state, { slot, releaseId }) : undefined;
  }

  /** The release of a slot; undefined while the slot is empty or unfinished. */
  read(slot: ReleaseSlot): (PlacedRelease & { release: Release; program: string }) | undefined {
    return readRelease(this.folder(slot), slot);
  }

  /** Tells whether every file of a slot is as its release says. */
  isWhole(slot: ReleaseSlot): boolean {
    const found = this.read(slot);
    return found !== undefined && damageOf(this.folder(slot), found.release) === undefined;
  }

  /**
   * Copies a release from a folder into the slot that is not committed, checks every file, and asks the supervisor to try it. The first release of a
   * device is committed at once. Killed anywhere, the slot is unfinished and is emptied by the next installation.
   *
   * @throws SartorError SRT_INSTALL_FAILED
   */
  install(from: string): PlacedRelease {
    const state = this.load();
    const source = readRelease(from, "a");
    if (source === undefined) throw failed(`${from} holds no release of the agent`);
    const { releaseId, release } = source;
    if (state?.trial) throw failed("another release is on trial; wait until it has proved itself or was given up");
    if (state?.committed.releaseId === releaseId) throw failed(`the release ${release.version} runs already`);
    if (state?.refused.includes(releaseId)) throw failed(`the release ${release.version} was tried and given up`);
    const slot: ReleaseSlot = state?.committed.slot === "a" ? "b" : "a";
    const to = this.folder(slot);
    rmSync(join(this.#root, REQUEST_FILE), { force: true });
    rmSync(join(to, RELEASE_FILE), { force: true });
    if (existsSync(to)) syncFolder(to);
    rmSync(to, { recursive: true, force: true });
    for (const { path } of release.files) {
      const target = join(to, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
      cpSync(join(from, path), target);
      syncFile(target);
    }
    const damage = damageOf(to, release);
    if (damage !== undefined) throw failed(`${damage} is not as the release says`);
    chmodSync(join(to, release.entry), 0o755);
    syncTree(to);
    writeFileDurably(join(to, RELEASE_FILE), readFileSync(join(from, RELEASE_FILE)));
    syncFolder(dirname(to));
    if (state === undefined) this.save(planFirst({ slot, releaseId }));
    else writeFileDurably(join(this.#root, REQUEST_FILE), JSON.stringify({ slot, releaseId }));
    return { slot, releaseId };
  }
}

function readRelease(folder: string, slot: ReleaseSlot): ReturnType<ReleaseStore["read"]> {
  const path = join(folder, RELEASE_FILE);
  if (!existsSync(path) || lstatSync(path).size > LARGEST_DESCRIPTION_BYTES) return undefined;
  const bytes = readFileSync(path);
  const release = releaseSchema.safeParse(parsed(bytes.toString("utf8")));
  if (!release.success || !release.data.files.some((file) => file.path === release.data.entry)) return undefined;
  const releaseId = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { slot, releaseId, release: release.data, program: join(folder, release.data.entry) };
}

/** Path of the first file that is not as it should be. */
function damageOf(folder: string, { files }: Release): string | undefined {
  return files.find(({ path, bytes, digest }) => {
    const state = lstatSync(join(folder, path), { throwIfNoEntry: false });
    return state?.isFile() !== true || state.size !== bytes || digestOfFile(join(folder, path)) !== digest;
  })?.path;
}

function digestOfFile(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(256 * 1024);
    for (let bytes = readSync(file, buffer); bytes > 0; bytes = readSync(file, buffer))
      hash.update(buffer.subarray(0, bytes));
  } finally {
    closeSync(file);
  }
  return `sha256:${hash.digest("hex")}`;
}

function syncFile(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) syncTree(join(folder, entry.name));
  syncFolder(folder);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const failed = (why: string) => new SartorError("SRT_INSTALL_FAILED", `The agent cannot be installed: ${why}.`);
