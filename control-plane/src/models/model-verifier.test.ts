import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelManifest } from "@sartor/shared/protocol";
import { expect, it } from "vitest";
import { ModelVerifier } from "./model-verifier.service.js";

it("whoever registers a model while the control plane stops is told so, and may try again", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "sartor-verifier-"));
  const parts = [{ stateDir }, { copy: async (_digest: string, path: string) => path }];
  const verifier = new ModelVerifier(...(parts as unknown as ConstructorParameters<typeof ModelVerifier>));
  await verifier.onModuleInit();
  verifier.onModuleDestroy();
  const digest = `sha256:${"0".repeat(64)}` as const;
  const refused = expect.objectContaining({ code: "SRT_UNAVAILABLE" });
  await expect(verifier.verify(digest, digest, {} as ModelManifest)).rejects.toThrow(refused);
  rmSync(stateDir, { recursive: true, force: true });
});
