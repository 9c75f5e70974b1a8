import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AutomaticSigner } from "./automatic-signer.js";
import { LIGHT_COST, type RandomBytes } from "./key-file.js";
import { listKeyFiles } from "./key-folder.js";
import { KeyRing } from "./key-ring.js";
import type { TrustApi } from "./trust-api.js";

/** What is said whenever keys sign by themselves. */
export const AUTOMATIC_WARNING =
  "FOR TRYING OUT ONLY: the signing keys and their passphrase lie in a folder beside the server and sign by themselves. Whoever has this machine can sign anything. For real devices hold the ceremony yourself: sartor keys ceremony.";

const PASSPHRASE_FILE = "passphrase";

export interface UnattendedKeysOptions {
  readonly api: () => TrustApi;
  /** Folder of the keys and of their passphrase. */
  readonly folder: string;
  readonly random: RandomBytes;
  readonly now: () => number;
}

/** A signer whose keys lie in a folder with their passphrase beside them: for the demo. Opened again on the same folder it goes on with the same keys. */
export async function signerWithUnattendedKeys(options: UnattendedKeysOptions): Promise<AutomaticSigner> {
  const { api, folder, random, now } = options;
  const passphrase = await ensurePassphrase(folder, random);
  const passphrases = { ofNewKey: async () => passphrase, ofKey: async () => passphrase };
  // The passphrase is 256 random bits: nothing is won by a slow derivation.
  const ring = new KeyRing({ folder, passphrases, random, cost: LIGHT_COST });
  return new AutomaticSigner({ api, ring, files: () => listKeyFiles(folder), now });
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
