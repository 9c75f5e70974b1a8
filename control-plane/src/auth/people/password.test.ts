import { describe, expect, it } from "vitest";
import { CURRENT_COST, checkPassword, hashPassword, type PasswordCost, SCRYPT_COST } from "./password-hash.js";
import { requireStrong } from "./password-rules.js";

/** Quick ones, so that the tests are. */
const ARGON2: PasswordCost = { algorithm: "argon2id", m: 64, t: 1, p: 1 };
const SCRYPT: PasswordCost = { algorithm: "scrypt", ln: 10, r: 8, p: 1 };

describe("a stored password", () => {
  it.each([ARGON2, SCRYPT])("of $algorithm is told from any other, and never hashed alike twice", async (cost) => {
    const [one, other] = [await hashPassword("heron kettle", cost), await hashPassword("heron kettle", cost)];
    expect(one).not.toBe(other);
    expect(one).not.toContain("heron");
    expect(await checkPassword("heron kettle", one, cost)).toEqual({ matches: true, outdated: false });
    expect(await checkPassword("heron kettlE", one, cost)).toEqual({ matches: false, outdated: false });
    expect(await checkPassword("", one, cost)).toEqual({ matches: false, outdated: false });
  });

  it("counts however its letters were typed: as one character or as letter and accent", async () => {
    const stored = await hashPassword("caf\u00e9 zw\u00f6lf", ARGON2);
    expect((await checkPassword("cafe\u0301 zwo\u0308lf", stored, ARGON2)).matches).toBe(true);
  });

  it("is to be hashed anew when the cost or the algorithm has changed", async () => {
    const stored = await hashPassword("heron kettle", SCRYPT);
    expect(await checkPassword("heron kettle", stored, ARGON2)).toEqual({ matches: true, outdated: true });
    const cheaper = await hashPassword("heron kettle", ARGON2);
    expect(await checkPassword("heron kettle", cheaper, CURRENT_COST)).toEqual({ matches: true, outdated: true });
  });

  it("of today is argon2id with 64 MiB", async () => {
    expect(await hashPassword("heron kettle")).toMatch(/^\$argon2id\$m=65536,t=3,p=1\$[\w-]{22}\$[\w-]{43}$/);
    expect(SCRYPT_COST).toEqual({ algorithm: "scrypt", ln: 17, r: 8, p: 1 });
  });

  it("that is damaged is an error and no match", async () => {
    await expect(checkPassword("x", "$argon2id$m=64,t=1,p=1$c2FsdA$", ARGON2)).rejects.toThrow("damaged");
    await expect(checkPassword("x", "plain", ARGON2)).rejects.toThrow("damaged");
  });
});

describe("a new password", () => {
  it.each([
    "short one",
    "aaaaaaaaaaaaaaaa",
    "password1234",
    "Password1234!",
    "123456789012",
    "qwertyuiop123",
    "ada.lovelace",
    "ADA.LOVELACE1",
    "sartoradmin2026",
    "letmeinletmein",
  ])("%j is refused and never repeated", (password) => {
    expect(() => requireStrong(password, "ada.lovelace")).toThrow(
      expect.objectContaining({ code: "SRT_PASSWORD_WEAK", message: expect.not.stringContaining(password) }),
    );
  });

  it.each(["heron kettle violin", "vT9-qkzu3LmW", "zwölf Boxkämpfer jagen"])("%j is taken", (password) => {
    expect(() => requireStrong(password, "ada")).not.toThrow();
  });
});
