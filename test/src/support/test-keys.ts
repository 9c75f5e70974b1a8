import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KeyFile, KeyRing } from "@sartor/cli/keys";

type OpenKey = Awaited<ReturnType<KeyRing["open"]>>;

/** scrypt's lowest cost that a key file may have: the passphrase is as random as the key. */
const COST = 2 ** 14;

/**
 * The keys of the people who sign, as files of a folder. Deriving a key from its passphrase takes longer than all the rest of a signature, so that
 * what was opened once stays open, and all control planes of a test process have the same people.
 */
export class TestKeys extends KeyRing {
  readonly #files = new Map<string, KeyFile>();
  readonly #open = new Map<string, Promise<OpenKey>>();

  constructor(folder: string) {
    const passphrase = randomBytes(32).toString("base64url");
    const passphrases = { ofNewKey: async () => passphrase, ofKey: async () => passphrase };
    super({ folder, passphrases, random: randomBytes, cost: COST });
  }

  /** Every key that was made. */
  get files(): readonly KeyFile[] {
    return [...this.#files.values()];
  }

  override async ensure(name: string, purpose: string): Promise<{ readonly file: KeyFile; readonly made: boolean }> {
    const known = this.#files.get(name);
    if (known !== undefined) return { file: known, made: false };
    const ensured = await super.ensure(name, purpose);
    this.#files.set(name, ensured.file);
    return ensured;
  }

  override open(file: KeyFile): Promise<OpenKey> {
    const known = this.#open.get(file.keyId) ?? super.open(file);
    this.#open.set(file.keyId, known);
    return known;
  }
}

let shared: TestKeys | undefined;

/** The keys that the signers of this process share; their folder goes with the process. */
export function testKeys(): TestKeys {
  if (shared === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "sartor-test-keys-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    shared = new TestKeys(folder);
  }
  return shared;
}
