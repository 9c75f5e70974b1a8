import "reflect-metadata";
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { SartorError } from "@sartor/shared/errors";
import type { OwnAuthorityFiles } from "../config/index.js";
import { newSerial } from "./certificate-serial.js";
import { syncFolder, writeSecretFile } from "./durable-file.js";

const FOLDER = "ca";
const ROOT_KEY = "root-key.pem";
const DAY_MS = 86_400_000;
/** Lives of what is made at the first start, ms. A fleet outlives its root badly: every device holds it. */
const ROOT_LIFE_MS = 30 * 365 * DAY_MS;
const INTERMEDIATE_LIFE_MS = 10 * 365 * DAY_MS;
/** Devices may have clocks that are slow. */
const BACKDATE_MS = 3_600_000;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const crypto = webcrypto;

/** Root certificate, and the intermediate that signs, with its key. */
export interface AuthorityMaterial {
  readonly root: X509Certificate;
  readonly intermediate: X509Certificate;
  readonly intermediateKey: KeyObject;
}

/**
 * Loads the authority: the files that the settings name, or those in the state folder, which are made at the first start. The root's key
 * (`ca/root-key.pem`) is not read again: it can be moved to where nobody reaches it.
 *
 * @throws SartorError SRT_STATE_UNUSABLE when the files do not fit each other or are past their time
 */
export async function loadAuthority(
  stateDir: string,
  own: OwnAuthorityFiles | undefined,
  now: number,
): Promise<AuthorityMaterial> {
  const folder = join(stateDir, FOLDER);
  const files = own ?? {
    root: join(folder, "root.pem"),
    intermediate: join(folder, "intermediate.pem"),
    intermediateKey: join(folder, "intermediate-key.pem"),
  };
  if (own === undefined && !(await exists(files.root))) await makeAuthority(stateDir, now);
  try {
    const material = {
      root: new X509Certificate(await readFile(files.root)),
      intermediate: new X509Certificate(await readFile(files.intermediate)),
      intermediateKey: createPrivateKey(await readFile(files.intermediateKey)),
    };
    requireUsable(material, now);
    return material;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new SartorError(
      "SRT_STATE_UNUSABLE",
      `The certificate authority cannot be used (${files.root}, ${files.intermediate}, ${files.intermediateKey}): ${problem}.`,
      { cause },
    );
  }
}

/** Tells whether the root's key still lies where it was made. */
export function isRootKeyHere(stateDir: string): Promise<boolean> {
  return access(join(stateDir, FOLDER, ROOT_KEY)).then(
    () => true,
    () => false,
  );
}

function requireUsable({ root, intermediate, intermediateKey }: AuthorityMaterial, now: number): void {
  if (!root.ca || !root.verify(root.publicKey)) throw new Error("the root is not a self-signed authority");
  if (!intermediate.ca || !intermediate.checkIssued(root) || !intermediate.verify(root.publicKey)) {
    throw new Error("the intermediate was not issued by the root");
  }
  if (!intermediate.checkPrivateKey(intermediateKey)) throw new Error("the key is not the intermediate's");
  const { namedCurve } = intermediateKey.asymmetricKeyDetails ?? {};
  if (intermediateKey.asymmetricKeyType !== "ec" || namedCurve !== "prime256v1") {
    throw new Error("the intermediate's key is not a P-256 key");
  }
  for (const [name, certificate] of Object.entries({ root, intermediate })) {
    if (certificate.validToDate.getTime() <= now) throw new Error(`the ${name} ended on ${certificate.validTo}`);
  }
}

/** Makes root and intermediate in a folder of their own, which gets its name when all is in it. */
async function makeAuthority(stateDir: string, now: number): Promise<void> {
  const temporary = join(stateDir, `${FOLDER}.new`);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { mode: 0o700 });
  const [rootKeys, intermediateKeys] = [await generateKeys(), await generateKeys()];
  const notBefore = new Date(now - BACKDATE_MS);
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: [{ CN: [`Sartor root ${new Date(now).toISOString().slice(0, 10)}`] }],
      notBefore,
      notAfter: new Date(now + ROOT_LIFE_MS),
      keys: rootKeys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 1, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(rootKeys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  const intermediate = await X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: [{ CN: ["Sartor intermediate"] }],
      issuer: root.subjectName,
      notBefore,
      notAfter: new Date(now + INTERMEDIATE_LIFE_MS),
      publicKey: intermediateKeys.publicKey,
      signingKey: rootKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(intermediateKeys.publicKey, false, crypto),
        await AuthorityKeyIdentifierExtension.create(rootKeys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  await writeSecretFile(join(temporary, "root.pem"), pemOf(root.rawData));
  await writeSecretFile(join(temporary, ROOT_KEY), await keyPemOf(rootKeys.privateKey));
  await writeSecretFile(join(temporary, "intermediate.pem"), pemOf(intermediate.rawData));
  await writeSecretFile(join(temporary, "intermediate-key.pem"), await keyPemOf(intermediateKeys.privateKey));
  await syncFolder(temporary);
  await rename(temporary, join(stateDir, FOLDER));
  await syncFolder(stateDir);
}

/** A new P-256 key pair whose private half can be written down. */
export function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

export async function keyPemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

export function pemOf(der: ArrayBuffer): string {
  return new X509Certificate(Buffer.from(der)).toString();
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
