import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileKeyStore, ONLINE_KEYS } from "./key-store.js";

describe("online keys", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, "keys", `${name}.pem`);

  it("are made at the first start, for the owner alone, and stay the same", async () => {
    const first = await FileKeyStore.open(folder);
    const again = await FileKeyStore.open(folder);
    expect(new Set(ONLINE_KEYS.map((name) => first.get(name).keyId)).size).toBe(3);
    for (const name of ONLINE_KEYS) {
      expect(again.get(name).keyId).toBe(first.get(name).keyId);
      expect((await stat(path(name))).mode & 0o777).toBe(0o600);
    }
  });

  it("that others may read, or that are damaged, stop the start", async () => {
    await FileKeyStore.open(folder);
    await chmod(path("image-snapshot"), 0o644);
    await expect(FileKeyStore.open(folder)).rejects.toMatchObject({ code: "SRT_STATE_UNUSABLE" });
    await chmod(path("image-snapshot"), 0o600);
    await writeFile(path("director-online"), "no key");
    await expect(FileKeyStore.open(folder)).rejects.toMatchObject({ code: "SRT_STATE_UNUSABLE" });
  });
});
