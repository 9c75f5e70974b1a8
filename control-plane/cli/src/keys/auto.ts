import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { holdCeremony, releaseKeyName, releaseKeyPurpose } from "./ceremony.js";
import { planChange } from "./change-keys.js";
import type { RandomBytes } from "./key-file.js";
import { LIGHT_COST } from "./key-file.js";
import { listKeyFiles } from "./key-folder.js";
import { KeyRing, publicOf } from "./key-ring.js";
import { signRequest } from "./sign-request.js";
import type { TrustApi } from "./trust-api.js";

/** What is said whenever keys sign by themselves. */
export const AUTOMATIC_WARNING =
  "FOR TRYING OUT ONLY: the signing keys and their passphrase lie in a folder beside the server and sign by themselves. Whoever has this machine can sign anything. For real devices hold the ceremony yourself: sartor keys ceremony.";

const PASSPHRASE_FILE = "passphrase";
/** Rounds of signing: signing one request may open another. */
const ROUNDS = 5;

export interface AutomaticOptions {
  readonly api: TrustApi;
  /** Folder of the keys and of their passphrase. */
  readonly folder: string;
  /** Model families that get a release key. */
  readonly families: readonly string[];
  readonly random: RandomBytes;
  readonly now: () => number;
  readonly say: (line: string) => void;
}

/** The ceremony without people, for the demo: a random passphrase lies beside the keys. Run again it goes on where it was, or adds families. */
export async function autoCeremony(options: AutomaticOptions): Promise<void> {
  const { api, families, now, say } = options;
  say(AUTOMATIC_WARNING);
  const ring = await ringOf(options);
  if (!(await api.status()).ready) {
    await holdCeremony({ api, ring, families, now: now(), say: () => undefined });
    return;
  }
  for (const family of families) {
    const { file } = await ring.ensure(releaseKeyName(family), releaseKeyPurpose(family));
    const proposals = await planChange(api, { kind: "family", family, key: publicOf(file) }, now());
    for (const proposal of proposals) await sign(options, ring, (await api.propose(proposal)).requestId);
  }
}

/**
 * Signs every open request that the folder's keys may sign.
 *
 * @returns how many were published
 */
export async function autoSign(options: Omit<AutomaticOptions, "families" | "now">): Promise<number> {
  const ring = await ringOf(options);
  let published = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = published;
    // Roots first: they may name keys that the others need.
    const open = (await options.api.requests(false)).sort(
      (a, b) => Number(b.role === "root") - Number(a.role === "root"),
    );
    for (const { requestId } of open) {
      if (await sign(options, ring, requestId)) published++;
    }
    if (published === before) break;
  }
  return published;
}

async function sign(
  options: Pick<AutomaticOptions, "api" | "folder">,
  ring: KeyRing,
  requestId: string,
): Promise<boolean> {
  const { api, folder } = options;
  const request = await api.request(requestId);
  const files = (await listKeyFiles(folder)).filter(({ keyId }) =>
    request.needs.some(({ keyIds }) => keyIds.includes(keyId)),
  );
  if (request.status !== "open" || files.length === 0) return false;
  const confirm = async () => true;
  return (await signRequest({ api, ring, requestId, files, say: () => undefined, confirm })).status === "published";
}

async function ringOf({ folder, random }: Pick<AutomaticOptions, "folder" | "random">): Promise<KeyRing> {
  const passphrase = await ensurePassphrase(folder, random);
  const passphrases = { ofNewKey: async () => passphrase, ofKey: async () => passphrase };
  // The passphrase is 256 random bits: nothing is won by a slow derivation.
  return new KeyRing({ folder, passphrases, random, cost: LIGHT_COST });
}

async function ensurePassphrase(folder: string, random: RandomBytes): Promise<string> {
  const path = join(folder, PASSPHRASE_FILE);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const text = (await readFile(path, "utf8")).trim();
    if (text !== "") return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const passphrase = random(32).toString("base64url");
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(`${passphrase}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return passphrase;
}
