/**
 * A process of its own that decodes and runs a model nobody has vouched for. It gets one request over IPC, answers once and ends;
 * its parent bounds its time and memory.
 */
import { readFile } from "node:fs/promises";
import { checkManifest } from "@sartor/shared/domain/model";
import { readGoldenVectors } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import { inspectModel } from "../inspect/inspect-model.js";
import type { ModelInfo } from "../inspect/model-info.js";
import { volunteerForOutOfMemory } from "../worker/index.js";
import type { VerifiedModel, VerifyReply, VerifyRequest } from "./messages.js";

async function inspectFile(path: string): Promise<ModelInfo> {
  return inspectModel(await readFile(path));
}

async function verify({ modelPath, goldenPath, manifest }: VerifyRequest): Promise<VerifiedModel> {
  const info = await inspectFile(modelPath);
  checkManifest(info, manifest);
  const golden = readGoldenVectors(await readFile(goldenPath), manifest);
  // ONNX Runtime is loaded only once the model looks sound.
  const { runGolden } = await import("./run-golden.js");
  const { passed, largestAbsoluteError, topOneAgreement } = await runGolden(modelPath, manifest, golden);
  if (!passed) {
    throw new SartorError(
      "SRT_GOLDEN_MISMATCH",
      `The model does not reproduce its golden vectors: largest error ${largestAbsoluteError.toPrecision(3)}, ` +
        `same first class in ${(topOneAgreement * 100).toFixed(1)} % of ${golden.count}.`,
      { details: { largestAbsoluteError, topOneAgreement, vectors: golden.count } },
    );
  }
  return { info, golden: { vectors: golden.count, largestAbsoluteError, topOneAgreement } };
}

process.once("message", async (request: VerifyRequest) => {
  let reply: VerifyReply;
  try {
    await volunteerForOutOfMemory();
    reply = { ok: true, verified: await verify(request) };
  } catch (thrown) {
    reply = { ok: false, error: SartorError.from(thrown).toBody() };
  }
  process.send?.(reply, () => process.exit(0));
});
