import { argon2, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/**
 * What new passwords are hashed with: argon2id with 64 MiB and 3 passes, the second choice of RFC 9106, section 4, but for one lane
 * (Node runs lanes one after the other). `crypto.argon2` is there from Node 24.7 on; scrypt (N = 2^17, OWASP) stands in before.
 */
export type PasswordCost =
  | { readonly algorithm: "argon2id"; readonly m: number; readonly t: number; readonly p: number }
  | { readonly algorithm: "scrypt"; readonly ln: number; readonly r: number; readonly p: number };

export const SCRYPT_COST: PasswordCost = { algorithm: "scrypt", ln: 17, r: 8, p: 1 };
export const CURRENT_COST: PasswordCost =
  typeof argon2 === "function" ? { algorithm: "argon2id", m: 65_536, t: 3, p: 1 } : SCRYPT_COST;

/** Hashes a password; the text holds all that is needed to check it again: `$argon2id$m=65536,t=3,p=1$<salt>$<hash>`. */
export async function hashPassword(password: string, cost: PasswordCost = CURRENT_COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return format(cost, salt, await derive(password, salt, cost));
}

/** Checks a password; `outdated` when it should be hashed anew with today's cost. */
export async function checkPassword(
  password: string,
  stored: string,
  current: PasswordCost = CURRENT_COST,
): Promise<{ readonly matches: boolean; readonly outdated: boolean }> {
  const { cost, salt, hash } = parse(stored);
  const matches = timingSafeEqual(await derive(password, salt, cost), hash);
  return { matches, outdated: parametersOf(cost) !== parametersOf(current) };
}

async function derive(password: string, salt: Buffer, cost: PasswordCost): Promise<Buffer> {
  // The same characters may be typed in several ways (RFC 8265, section 4.2.2, normalises for that).
  const message = Buffer.from(password.normalize("NFC"), "utf8");
  if (cost.algorithm === "argon2id") {
    const options = {
      message,
      nonce: salt,
      memory: cost.m,
      passes: cost.t,
      parallelism: cost.p,
      tagLength: HASH_BYTES,
    };
    return promisify(argon2)("argon2id", options);
  }
  const options = { N: 2 ** cost.ln, r: cost.r, p: cost.p, maxmem: 256 * 2 ** cost.ln * cost.r };
  return new Promise((resolve, reject) =>
    scrypt(message, salt, HASH_BYTES, options, (error, hash) => (error === null ? resolve(hash) : reject(error))),
  );
}

function parametersOf(cost: PasswordCost): string {
  const { algorithm, ...numbers } = cost;
  const list = Object.entries(numbers).map(([name, value]) => `${name}=${value}`);
  return `$${algorithm}$${list.join(",")}`;
}

function format(cost: PasswordCost, salt: Buffer, hash: Buffer): string {
  return `${parametersOf(cost)}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

function parse(stored: string): { readonly cost: PasswordCost; readonly salt: Buffer; readonly hash: Buffer } {
  const [, algorithm, parameters = "", salt = "", hash = ""] = stored.split("$");
  const numbers = Object.fromEntries(
    parameters.split(",").map((pair) => {
      const [name = "", value] = pair.split("=");
      return [name, Number(value)];
    }),
  ) as Record<string, number>;
  const number = (name: string): number => {
    const value = numbers[name];
    if (!Number.isSafeInteger(value) || value === undefined) throw new Error("a stored password hash is damaged");
    return value;
  };
  const cost: PasswordCost =
    algorithm === "argon2id"
      ? { algorithm, m: number("m"), t: number("t"), p: number("p") }
      : { algorithm: "scrypt", ln: number("ln"), r: number("r"), p: number("p") };
  const bytes = Buffer.from(hash, "base64url");
  if (bytes.byteLength !== HASH_BYTES) throw new Error("a stored password hash is damaged");
  return { cost, salt: Buffer.from(salt, "base64url"), hash: bytes };
}
