import { randomBytes, verify } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type KeyFile, LIGHT_COST, makeKeyFile, openKeyFile, parseKeyFile } from "./key-file.js";
import { buildTopTargets, signWith } from "./tuf.js";

const PASSPHRASE = "correct horse battery staple";

describe("a key file", () => {
  let file: KeyFile;
  beforeAll(async () => {
    const what = { name: "image-root-1", purpose: "root of the image repository", cost: LIGHT_COST };
    file = await makeKeyFile(what, PASSPHRASE, randomBytes);
  });

  it("signs once it is opened with its passphrase, and its text holds nothing of the private key", async () => {
    const key = await openKeyFile(parseKeyFile(JSON.stringify(file), "a file"), PASSPHRASE);
    const metadata = buildTopTargets(new Map(), 1, 0);
    let bytes = Buffer.alloc(0) as Buffer;
    const signature = signWith(metadata, key);
    metadata.sign((canonical) => {
      bytes = canonical;
      return metadata.signatures[key.keyId] as never;
    });
    expect(verify(null, bytes, key.privateKey, Buffer.from(signature, "hex"))).toBe(true);
    const secret = key.privateKey.export({ format: "jwk" }).d ?? "";
    expect(JSON.stringify(file)).not.toContain(Buffer.from(secret, "base64url").toString("hex"));
  });

  it("stays locked for every other passphrase", async () => {
    await expect(openKeyFile(file, "correct horse battery stapl")).rejects.toMatchObject({ code: "SRT_KEY_LOCKED" });
  });

  it("cannot be passed off as another key's: what everybody may read is authenticated", async () => {
    await expect(openKeyFile({ ...file, name: "image-root-2" }, PASSPHRASE)).rejects.toMatchObject({
      code: "SRT_KEY_LOCKED",
    });
    await expect(openKeyFile({ ...file, purpose: "nothing" }, PASSPHRASE)).rejects.toMatchObject({
      code: "SRT_KEY_LOCKED",
    });
    const other = JSON.stringify({ ...file, public: "00".repeat(32) });
    expect(() => parseKeyFile(other, "a file")).toThrow(expect.objectContaining({ code: "SRT_KEY_FILE_INVALID" }));
  });

  it.each([
    ["memory without bounds", { kdf: { cost: 2 ** 30 } }],
    ["a cost that is no power of two", { kdf: { cost: 2 ** 14 + 1 } }],
    ["no cost at all", { kdf: { cost: 1 } }],
    ["another cipher", { cipher: { name: "none" } }],
    ["fields that nobody knows", { extra: 1 }],
  ])("that asks for %s is refused before anything is derived", (_what, change) => {
    const { kdf, cipher, ...rest } = change as { kdf?: object; cipher?: object };
    const text = JSON.stringify({
      ...file,
      ...rest,
      kdf: { ...file.kdf, ...kdf },
      cipher: { ...file.cipher, ...cipher },
    });
    expect(() => parseKeyFile(text, "a file")).toThrow(expect.objectContaining({ code: "SRT_KEY_FILE_INVALID" }));
  });

  it("is refused with one code, whatever bytes come", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseKeyFile(text, "a file")).toThrow(expect.objectContaining({ code: "SRT_KEY_FILE_INVALID" }));
      }),
    );
  });
});
