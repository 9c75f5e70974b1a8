import { readSafetensors, type Tensor, writeSafetensors } from "@sartor/shared/domain/tensor";
import type { DatasetView, ModelVersionView, VariantBuildRequest, VariantBuildView } from "@sartor/shared/protocol";
import type { RunningControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register, upload } from "../support/registering.js";
import { roadSignModel } from "../support/road-sign-model.js";
import { seededRandom } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

/** Variants that the profiles of this fleet ask for. */
export const VARIANTS = ["int8-u8s8", "int8-u8s8-reduced", "int8-s8s8"] as const;

/**
 * Registers the road-sign model and has its int8 variants built; the calibration set is the golden inputs with noise on them.
 *
 * @returns the version with all variants, signed
 */
export async function registerWithVariants(controlPlane: RunningControlPlane): Promise<ModelVersionView> {
  const model = roadSignModel();
  const registered = await register(controlPlane, model);
  if (registered.status !== 201) throw new Error(JSON.stringify(registered.body));
  const { model: name, version } = registered.body;
  const content = await upload(controlPlane, calibrationOf(model.golden, model.manifest.inputs[0]?.name ?? ""));
  const dataset = await rest<DatasetView>(controlPlane, "POST", `/api/v1/models/${name}/datasets`, {
    name: "calibration",
    purpose: "calibration",
    content: content.body.digest,
  });
  if (dataset.status !== 201) throw new Error(JSON.stringify(dataset.body));
  const request: VariantBuildRequest = { variants: [...VARIANTS], accuracy: { minimumDecibels: 0 } };
  const ordered = await rest<VariantBuildView>(
    controlPlane,
    "POST",
    `/api/v1/models/${name}/versions/${version}/builds`,
    request,
  );
  if (ordered.status !== 202) throw new Error(JSON.stringify(ordered.body));
  const build = await waitFor(
    "the end of the build",
    async () => {
      const { body } = await rest<VariantBuildView>(controlPlane, "GET", `/api/v1/builds/${ordered.body.buildId}`);
      return body.finishedAt !== null && body;
    },
    180_000,
  );
  if (build.status !== "succeeded") throw new Error(`the build ${build.status}: ${JSON.stringify(build)}`);
  if (controlPlane.signer === undefined) throw new Error("nobody signs what was built");
  await controlPlane.signer.signed(name, version);
  const made = await rest<ModelVersionView>(controlPlane, "GET", `/api/v1/models/${name}/versions/${version}`);
  return made.body;
}

function calibrationOf(golden: Uint8Array, input: string): Uint8Array {
  const inputs = readSafetensors(golden).tensors.find((tensor) => tensor.name === `input.${input}`);
  if (inputs === undefined) throw new Error(`the golden vectors hold no ${input}`);
  const random = seededRandom(7);
  const values = new Float32Array(Uint8Array.from(inputs.data).buffer).map((value) => value + (random() - 0.5) / 10);
  const data = new Uint8Array(values.buffer);
  const tensor: Tensor = { name: input, dataType: "FP32", shape: [...inputs.shape], data };
  return writeSafetensors([tensor]);
}
