import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { keyIdOf, publicHexOf, type SigningKey } from "./ed25519.js";

/** The keys that the control plane signs with by itself. */
export const ONLINE_KEYS = ["image-snapshot", "image-timestamp", "director-online"] as const;
export type OnlineKeyName = (typeof ONLINE_KEYS)[number];

const MAXIMUM_BYTES = 4 * 1024;
/** Rights of everybody but the owner. */
const OTHERS = 0o077;

/** Where online keys are; another one may keep them in a hardware module. */
export abstract class KeyStore {
  abstract get(name: OnlineKeyName): SigningKey;
}

/** Online keys as files of the state folder, readable by their owner only; made at the first start. */
export class FileKeyStore extends KeyStore {
  readonly #keys: ReadonlyMap<OnlineKeyName, SigningKey>;

  private constructor(keys: ReadonlyMap<OnlineKeyName, SigningKey>) {
    super();
    this.#keys = keys;
  }

  /**
   * Reads the keys; makes those that are not there. A new key signs nothing that devices believe until a root names it.
   *
   * @throws SartorError SRT_STATE_UNUSABLE when a file is damaged or others may read it
   */
  static async open(stateDir: string): Promise<FileKeyStore> {
    const folder = join(stateDir, "keys");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const keys = new Map<OnlineKeyName, SigningKey>();
    for (const name of ONLINE_KEYS) {
      const path = join(folder, `${name}.pem`);
      keys.set(name, (await readKey(path)) ?? (await makeKey(folder, path)));
    }
    return new FileKeyStore(keys);
  }

  override get(name: OnlineKeyName): SigningKey {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`There is no online key ${name}.`);
    return key;
  }
}

async function readKey(path: string): Promise<SigningKey | undefined> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & OTHERS) !== 0) throw unusable(path, "can be read by others: chmod 600");
    if (size > MAXIMUM_BYTES) throw unusable(path, "is not a key");
    return signingKey(createPrivateKey(await readFile(path)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof SartorError) throw error;
    throw unusable(path, `does not hold an ed25519 key (${(error as Error).message}); restore it from a backup`);
  }
}

async function makeKey(folder: string, path: string): Promise<SigningKey> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(privateKey.export({ type: "pkcs8", format: "pem" }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const parent = await open(folder, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return signingKey(privateKey);
}

function signingKey(privateKey: KeyObject): SigningKey {
  if (privateKey.asymmetricKeyType !== "ed25519") throw new Error(`its type is ${privateKey.asymmetricKeyType}`);
  const hex = publicHexOf(createPublicKey(privateKey));
  return { keyId: keyIdOf(hex), public: hex, privateKey };
}

function unusable(path: string, problem: string): SartorError {
  return new SartorError("SRT_STATE_UNUSABLE", `${path} ${problem}.`, { details: { path } });
}
