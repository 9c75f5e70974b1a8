import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Hash under which a secret is stored. Plain SHA-256 is right here, and a slow password hash is not: every secret is
 * 256 random bits, so it cannot be guessed from its hash, and ten thousand devices may reconnect at once.
 */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}

/** Compares two secrets or hashes; the time taken tells nothing about where they differ. */
export function secretsEqual(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(one), digest(other));
}
