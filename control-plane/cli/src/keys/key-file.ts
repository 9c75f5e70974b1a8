import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  scrypt,
} from "node:crypto";
import { promisify } from "node:util";
import { SartorError } from "@sartor/shared/errors";
import { lineSchema, type TrustPublicKey, trustKeyIdSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { keyIdOf, publicHexOf } from "./tuf.js";

const deriveKey = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));

/** Name of a key and of its file, e.g. `image-root-1`. */
export const keyNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,95}$/, "expected a-z, 0-9 and -");

/**
 * A key file: what everybody may know, and the private key, encrypted. The numbers of scrypt are bounded, since whoever hands us a file
 * would otherwise choose how much memory and time reading it takes: at most 1 GiB.
 */
export const keyFileSchema = z.strictObject({
  format: z.literal("sartor-key-1"),
  name: keyNameSchema,
  /** What it is for, for people. */
  purpose: lineSchema(200),
  keyId: trustKeyIdSchema,
  public: hex(32),
  kdf: z.strictObject({
    name: z.literal("scrypt"),
    cost: z
      .number()
      .int()
      .min(2 ** 14)
      .max(2 ** 20)
      .refine((cost) => Number.isInteger(Math.log2(cost)), "expected a power of two"),
    blockSize: z.literal(8),
    parallelization: z.number().int().min(1).max(4),
    salt: hex(32),
  }),
  cipher: z.strictObject({ name: z.literal("aes-256-gcm"), iv: hex(12), tag: hex(16) }),
  secret: z.string().regex(/^[0-9a-f]{2,512}$/),
});
export type KeyFile = z.infer<typeof keyFileSchema>;

/** Largest key file that is read, bytes. */
export const KEY_FILE_BYTES = 8 * 1024;

/** 128 MiB and about 0.3 s: what OWASP's password storage page asks for at least. */
export const STRONG_COST = 2 ** 17;
/** 16 MiB: only where the passphrase is as random as the key. */
export const LIGHT_COST = 2 ** 14;

/** An opened key. */
export interface OpenKey extends TrustPublicKey {
  readonly privateKey: KeyObject;
}

/** Randomness, passed in. */
export type RandomBytes = (count: number) => Buffer;

/**
 * Makes an ed25519 key and encrypts it with a passphrase (scrypt, RFC 7914; AES-256-GCM). What everybody may read of the file is
 * authenticated with it, so that no file can be passed off as another key's.
 */
export async function makeKeyFile(
  what: { readonly name: string; readonly purpose: string; readonly cost?: number },
  passphrase: string,
  random: RandomBytes,
): Promise<KeyFile> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const publicHex = publicHexOf(publicKey);
  const kdf = {
    name: "scrypt" as const,
    cost: what.cost ?? STRONG_COST,
    blockSize: 8 as const,
    parallelization: 1,
    salt: random(32).toString("hex"),
  };
  const head = { name: what.name, purpose: what.purpose, keyId: keyIdOf(publicHex), public: publicHex };
  const iv = random(12);
  const cipher = createCipheriv("aes-256-gcm", await keyOf(passphrase, kdf), iv);
  cipher.setAAD(authenticated(head));
  const secret = Buffer.concat([cipher.update(privateKey.export({ type: "pkcs8", format: "der" })), cipher.final()]);
  return {
    format: "sartor-key-1",
    ...head,
    kdf,
    cipher: { name: "aes-256-gcm", iv: iv.toString("hex"), tag: cipher.getAuthTag().toString("hex") },
    secret: secret.toString("hex"),
  };
}

/** @throws SartorError SRT_KEY_FILE_INVALID */
export function parseKeyFile(text: string, path: string): KeyFile {
  const invalid = (problem: string, cause?: unknown) =>
    new SartorError("SRT_KEY_FILE_INVALID", `${path} ${problem}.`, { details: { path }, cause });
  if (text.length > KEY_FILE_BYTES) throw invalid(`is larger than ${KEY_FILE_BYTES} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid("is not JSON", cause);
  }
  const parsed = keyFileSchema.safeParse(json);
  if (!parsed.success) throw invalid(`does not fit: ${parsed.error.issues[0]?.path.join(".") || "its format"}`);
  if (keyIdOf(parsed.data.public) !== parsed.data.keyId) throw invalid("has the id of another key");
  return parsed.data;
}

/**
 * Opens a key file.
 *
 * @throws SartorError SRT_KEY_LOCKED when the passphrase is wrong (or what is authenticated was changed), SRT_KEY_FILE_INVALID
 */
export async function openKeyFile(file: KeyFile, passphrase: string): Promise<OpenKey> {
  const key = await keyOf(passphrase, file.kdf);
  let der: Buffer;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(file.cipher.iv, "hex"));
    decipher.setAAD(authenticated(file));
    decipher.setAuthTag(Buffer.from(file.cipher.tag, "hex"));
    der = Buffer.concat([decipher.update(Buffer.from(file.secret, "hex")), decipher.final()]);
  } catch (cause) {
    throw new SartorError("SRT_KEY_LOCKED", `The passphrase does not open the key ${file.name}.`, { cause });
  }
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  if (publicHexOf(createPublicKey(privateKey)) !== file.public) {
    throw new SartorError("SRT_KEY_FILE_INVALID", `The key file of ${file.name} holds another key than it says.`);
  }
  return { keyId: file.keyId, public: file.public, privateKey };
}

function keyOf(passphrase: string, { cost, blockSize, parallelization, salt }: KeyFile["kdf"]): Promise<Buffer> {
  // OpenSSL wants a little more than 128 x N x r.
  const maxmem = 128 * cost * blockSize + 128 * blockSize * parallelization + 1024 * 1024;
  return deriveKey(passphrase.normalize("NFKC"), Buffer.from(salt, "hex"), 32, {
    N: cost,
    r: blockSize,
    p: parallelization,
    maxmem,
  });
}

function authenticated({
  name,
  purpose,
  keyId,
  public: publicHex,
}: Pick<KeyFile, "name" | "purpose" | "keyId" | "public">): Buffer {
  return Buffer.from(JSON.stringify(["sartor-key-1", name, purpose, keyId, publicHex]), "utf8");
}
