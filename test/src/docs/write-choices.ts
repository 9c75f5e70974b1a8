import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDataset } from "@sartor/road-sign";
import {
  type DatasetPurpose,
  type DatasetView,
  type FirmwareProfileView,
  firmwareProfilesReplySchema,
  type TailoringPlan,
  type VariantBuildView,
} from "@sartor/shared/protocol";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register, upload } from "../support/registering.js";
import { roadSignModel } from "../support/road-sign-model.js";
import { waitFor } from "../support/wait-for.js";
import { type Choice, renderChoices, replaceChoices } from "./choices-table.js";

/** `node test/dist/docs/write-choices.js`: writes the table of choices in README.md, out of what a real control plane answers. */
const ROOT = join(import.meta.dirname, "../../..");
const BUILD_MS = 15 * 60_000;
/** The demo's datasets: control-plane/cli/src/demo/datasets.ts. */
const SAMPLES: Readonly<Record<DatasetPurpose, { samples: number; seed: number }>> = {
  evaluation: { samples: 1000, seed: 2 },
  calibration: { samples: 300, seed: 1 },
};

const folder = mkdtempSync(join(tmpdir(), "sartor-choices-"));
const controlPlane = await startControlPlane({ process: true, stateDir: join(folder, "state") });
try {
  const { name, version } = await registerRoadSign(controlPlane);
  const build = await buildVariants(controlPlane, name, version);
  const made = build.variants.filter(({ status }) => status === "succeeded").map((variant) => variant.name);
  for (const { name: refused, error } of build.variants) {
    if (error !== null) console.log(`${refused} was refused: ${error.message}`);
  }
  const choices = await choose(controlPlane, name, version);
  const block = [
    renderChoices(choices),
    "",
    `${name} ${version}, uploaded once; of its variants (${["fp32", ...made.filter((variant) => variant !== "fp32")].join(", ")}) each profile's`,
    "reference hardware gets the first of its plan, with the runtime that comes with the agent and before anything was measured.",
  ].join("\n");
  const path = join(ROOT, "README.md");
  writeFileSync(path, replaceChoices(readFileSync(path, "utf8"), block));
  console.log(`README.md: the choices of ${choices.length} firmware profiles written.`);
} finally {
  await controlPlane.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function ask<T>(plane: RunningControlPlane, method: string, path: string, body?: unknown): Promise<T> {
  const reply = await rest<T>(plane, method, path, body);
  if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function registerRoadSign(plane: RunningControlPlane): Promise<{ name: string; version: string }> {
  const model = roadSignModel();
  const { name, version } = model.manifest;
  const { status, body } = await register(plane, model);
  if (status >= 300) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
  for (const [purpose, { samples, seed }] of Object.entries(SAMPLES) as [
    DatasetPurpose,
    (typeof SAMPLES)["evaluation"],
  ][]) {
    const out = join(folder, `${purpose}.safetensors`);
    await makeDataset({ purpose, samples, seed, out });
    const content = (await upload(plane, readFileSync(out))).body.digest;
    const request = { name: `rendered signs for ${purpose}`, purpose, content };
    await ask<DatasetView>(plane, "POST", `/api/v1/models/${name}/datasets`, request);
  }
  return { name, version };
}

async function buildVariants(plane: RunningControlPlane, name: string, version: string): Promise<VariantBuildView> {
  const path = `/api/v1/models/${name}/versions/${version}/builds`;
  const { buildId } = await ask<VariantBuildView>(plane, "POST", path, {});
  const isEnded = ({ status }: VariantBuildView) => status !== "queued" && status !== "in_progress";
  const build = await waitFor(
    "the variants to be built",
    async () => {
      const now = await ask<VariantBuildView>(plane, "GET", `/api/v1/builds/${buildId}`);
      return isEnded(now) ? now : undefined;
    },
    BUILD_MS,
  );
  if (build.status !== "succeeded") throw new Error(`the build ended as ${build.status}: ${build.error?.message}`);
  return build;
}

async function choose(plane: RunningControlPlane, model: string, version: string): Promise<Choice[]> {
  const reply = firmwareProfilesReplySchema.parse(await ask(plane, "GET", "/api/v1/firmware-profiles"));
  const devices: FirmwareProfileView[] = reply.profiles.filter(({ role }) => role === "device");
  const choices: Choice[] = [];
  for (const profile of devices) {
    const request = { model, version, device: { profile: profile.id } };
    choices.push({ profile, plan: await ask<TailoringPlan>(plane, "POST", "/api/v1/tailoring/plans", request) });
  }
  return choices;
}
