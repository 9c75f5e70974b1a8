import { SartorError } from "@sartor/shared/errors";
import {
  deviceDeploymentViewSchema,
  deviceDetailSchema,
  type ModelVersionView,
  pageOf,
  type RolloutRequest,
  rolloutSummarySchema,
  type TuningView,
  type VariantBuildView,
} from "@sartor/shared/protocol";
import type { ApiClient } from "../api-client.js";
import { counted, durationText, runsAs } from "../commands/format.js";
import { TailoringApi } from "../tailoring-api.js";
import { ensureDatasets } from "./datasets.js";
import type { ManagedProcess } from "./managed-process.js";
import { pollUntil } from "./poll.js";
import type { Progress } from "./progress.js";
import { untilSigned } from "./signing.js";
import { tuningSummary } from "./tuning-summary.js";

/** Least time between two lines about a build, ms. */
const TELL_EVERY_MS = 10_000;
/** Longest time that this machine measures, s. */
const TUNING_BUDGET_SECONDS = 60;
/** Longest wait for the build, for a rollout's end, and for the tuning's verdict (downloads come before the budget), ms. */
const BUILD_MS = 30 * 60_000;
const ROLLOUT_MS = 10 * 60_000;
const TUNING_MS = TUNING_BUDGET_SECONDS * 1_000 + 4 * 60_000;
/** Longest wait from a verdict to its rollout, ms. */
const FOLLOW_UP_MS = 60_000;
/** The page shows more; the terminal stays readable. */
const MOST_DEVICE_LINES = 8;

/** What {@link tailorFleet} needs of the demo. */
export interface TailorContext {
  readonly api: ApiClient;
  readonly model: ModelVersionView;
  /** This machine first. */
  readonly deviceIds: readonly string[];
  readonly stateFolder: string;
  readonly processes: ManagedProcess[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * The second half of the demo: samples, variants, a tailored rollout, and the tuning of this machine. Each step is taken only where the
 * control plane does not have its result yet, so a second start goes on where the first one was ended and then finds nothing to do.
 *
 * @throws SartorError of the step that failed; the devices keep serving what they serve
 */
export async function tailorFleet(context: TailorContext): Promise<void> {
  const { api, model, deviceIds, stateFolder, processes, progress, signal } = context;
  const tailoring = new TailoringApi(api);
  const made = await ensureDatasets(tailoring, model.model, stateFolder, processes, signal);
  if (made > 0)
    progress.say(`${counted(made, "dataset")} of rendered signs registered: to calibrate and to judge variants`);
  await ensureBuild(tailoring, context);
  await untilSigned(api, model, progress, signal);
  await ensureTailoredRollout(context);
  await ensureTuning(tailoring, context, deviceIds[0] ?? "");
}

async function ensureBuild(tailoring: TailoringApi, { model, progress, signal }: TailorContext): Promise<void> {
  const builds = await tailoring.builds({ model: model.model, version: model.version });
  // A version of an earlier release gets its fp32 measured by a build, too: that one made no variants.
  const madeVariants = builds.some(
    ({ status, variants }) => status === "succeeded" && variants.some(({ name }) => name !== "fp32"),
  );
  if (madeVariants) return;
  const running =
    builds.find(isUnderWay) ?? (await tailoring.startBuild({ model: model.model, version: model.version }, {}));
  let toldAt = 0;
  const tell = ({ progress: now }: VariantBuildView): void => {
    if (now === null || Date.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = Date.now();
    const left = now.remainingMs === null ? "" : `, ${durationText(now.remainingMs)} left`;
    progress.say(`  building variants: ${Math.floor(now.percent)} %${left} (${now.step})`);
  };
  const build = await pollUntil(
    {
      what: "the variants",
      withinMs: BUILD_MS,
      ask: () => tailoring.build(running.buildId),
      isDone: (now) => !isUnderWay(now),
      onAnswer: tell,
    },
    signal,
  );
  if (build.status !== "succeeded") {
    throw new SartorError("SRT_CONFLICT", `The variants were not built: ${build.error?.message ?? build.status}.`);
  }
  const there = build.variants.filter(({ status }) => status === "succeeded").map(({ name }) => name);
  progress.say(`${counted(there.length, "variant")} built: ${there.join(", ")}`);
  for (const { name, error } of build.variants)
    if (error !== null) progress.say(`  ${name} was refused: ${error.message}`);
}

const isUnderWay = ({ status }: VariantBuildView | TuningView): boolean =>
  status === "queued" || status === "in_progress";

/** Rolls out to those devices that no tailored rollout of the demo has reached: to each the first choice of its own plan. */
async function ensureTailoredRollout({ api, model, deviceIds, progress, signal }: TailorContext): Promise<void> {
  const name = `demo: ${model.model} ${model.version}, tailored`;
  const { items } = await api.get("/api/v1/rollouts?limit=200", pageOf(rolloutSummarySchema));
  const earlier = items.filter((item) => item.name === name);
  const reached = new Set<string>();
  for (const { rolloutId } of earlier) {
    for (const { deviceId } of await deploymentsOf(api, rolloutId)) reached.add(deviceId);
  }
  const devices = deviceIds.filter((id) => !reached.has(id));
  let rolloutId = earlier.find(({ status }) => status === "running")?.rolloutId;
  if (devices.length > 0) {
    const request: RolloutRequest = {
      name,
      model: model.model,
      version: model.version,
      devices,
      tailoring: { tune: "never" },
    };
    rolloutId = (await api.post("/api/v1/rollouts", request, rolloutSummarySchema)).rolloutId;
  }
  if (rolloutId === undefined) return;
  const ended = await rolloutEnd(api, rolloutId, signal);
  progress.say(`tailored rollout ${ended.status}: each device got the first choice of its own plan`);
  const deployments = await deploymentsOf(api, rolloutId);
  for (const { deviceName, tailoring, status, error } of deployments.slice(0, MOST_DEVICE_LINES)) {
    const choice = tailoring === null ? status : runsAs(tailoring);
    progress.say(`  ${deviceName}: ${choice}${error === null ? "" : `, but ${status}: ${error.message}`}`);
  }
}

const rolloutEnd = (api: ApiClient, rolloutId: string, signal: AbortSignal) =>
  pollUntil(
    {
      what: "the rollout's end",
      withinMs: ROLLOUT_MS,
      ask: () => api.get(`/api/v1/rollouts/${rolloutId}`, rolloutSummarySchema),
      isDone: ({ status }) => status !== "running",
    },
    signal,
  );

const deploymentsOf = (api: ApiClient, rolloutId: string) =>
  api.getAll(`/api/v1/rollouts/${rolloutId}/deployments`, deviceDeploymentViewSchema);

/** Has this machine measure the candidates of its plan, and says what came of it. */
async function ensureTuning(tailoring: TailoringApi, context: TailorContext, deviceId: string): Promise<void> {
  const { api, model, progress, signal } = context;
  const tunings = (await tailoring.tunings(deviceId)).filter(({ version }) => version === model.version);
  const ended = tunings.find(({ status }) => status === "succeeded");
  if (ended !== undefined) {
    const { reported } = await api.get(`/api/v1/devices/${deviceId}`, deviceDetailSchema);
    const serving = reported?.serving;
    progress.say(`tailored already: this machine serves ${serving?.variant ?? "nothing"}, as it measured`);
    return;
  }
  const order = { model: model.model, version: model.version, budgetSeconds: TUNING_BUDGET_SECONDS };
  const running = tunings.find(isUnderWay) ?? (await tailoring.startTuning(deviceId, order));
  progress.say(`this machine measures ${counted(running.candidates.length, "candidate")}, while it goes on serving`);
  const tuning = await pollUntil(
    {
      what: "the verdict of this machine",
      withinMs: TUNING_MS,
      ask: () => tailoring.tuning(running.tuningId),
      isDone: (now) => !isUnderWay(now),
    },
    signal,
  );
  for (const line of tuningSummary(tuning)) progress.say(line);
  if (tuning.report?.verdict?.decision !== "switch") return;
  const { rolloutId } = await pollUntil(
    {
      what: "the rollout that the verdict leads to",
      withinMs: FOLLOW_UP_MS,
      ask: () => tailoring.tuning(running.tuningId),
      isDone: (now) => now.rolloutId !== null,
    },
    signal,
  );
  if (rolloutId === null) return;
  const { status } = await rolloutEnd(api, rolloutId, signal);
  progress.say(`this machine's switch ${status}`);
}
