import { describe, expect, it } from "vitest";
import { NONCE_LIFE_MS, RenewalNonces } from "./renewal-nonces.js";

const now = 1_800_000_000_000;

describe("a nonce for a late renewal", () => {
  it("counts once, for five minutes, and only where it came from", () => {
    const nonces = new RenewalNonces();
    const nonce = nonces.make(now);
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(nonces.isValid(nonce, now)).toBe(true);
    expect(nonces.isValid(nonce, now + NONCE_LIFE_MS)).toBe(false);
    expect(new RenewalNonces().isValid(nonce, now)).toBe(false);
    expect(nonces.use(nonce, now)).toBe(true);
    expect(nonces.use(nonce, now + 1)).toBe(false);
  });

  it("cannot be given a later end", () => {
    const nonces = new RenewalNonces();
    const bytes = Buffer.from(nonces.make(now), "base64url");
    bytes.writeUIntBE(now + 10 * NONCE_LIFE_MS, 0, 6);
    expect(nonces.isValid(bytes.toString("base64url"), now)).toBe(false);
    expect(nonces.isValid("A".repeat(43), now)).toBe(false);
  });
});
