import { VARIANT_NAMES, type VariantBuildRequest, type VariantBuildView } from "@sartor/shared/protocol";
import { type Command, Option } from "commander";
import { TailoringApi } from "../tailoring-api.js";
import { connect } from "./connect.js";
import { durationText } from "./format.js";
import { parsePositive, parseShare, parseWhole } from "./options.js";
import { printTable } from "./table.js";
import { watchJob } from "./watch.js";

interface BuildOptions {
  readonly variants?: VariantBuildRequest["variants"];
  readonly calibration?: string | false;
  readonly evaluation?: string | false;
  readonly accuracyLoss?: number;
  readonly minAccuracy?: number;
  readonly minDecibels?: number;
  readonly maxFloatLayers?: number;
  readonly equalise: boolean;
  readonly pruning?: number;
  readonly watch?: boolean;
}

/** `sartor model build | builds | cancel-build`. */
export function addBuildCommands(program: Command, model: Command): void {
  model
    .command("build <model> <version>")
    .description("Makes variants of a model version; those that lose too much accuracy are refused.")
    .addOption(
      new Option("--variants <name...>", "which variants; all that suit the network by default").choices(VARIANT_NAMES),
    )
    .option("--calibration <datasetId>", "samples to calibrate with; the model's newest by default")
    .option("--no-calibration", "make only what needs no calibration")
    .option("--evaluation <datasetId>", "samples to measure accuracy with; the model's newest by default")
    .option("--no-evaluation", "measure no accuracy; signal to noise decides")
    .option("--accuracy-loss <share>", "most accuracy that a variant may lose, as 0.005 or 0.5%", parseShare)
    .option("--min-accuracy <share>", "least accuracy of a variant", parseShare)
    .option("--min-decibels <dB>", "least signal to noise, where accuracy cannot be measured", parsePositive)
    .option("--max-float-layers <count>", "most layers that may go back to fp32", parseWhole(0, 1024))
    .option("--no-equalise", "do not even out the ranges of channels")
    .option("--pruning <share>", "share of channels that pruned variants lose, 0.05 to 0.75", parseShare)
    .option("--watch", "wait for the end with a progress line; Ctrl-C ends the waiting, not the build")
    .action(async (name: string, version: string, options: BuildOptions) => {
      const api = new TailoringApi(connect(program));
      const build = await api.startBuild({ model: name, version }, requestOf(options));
      process.stdout.write(`${build.buildId}\n`);
      if (options.watch !== true) return;
      const ended = await watchBuild(api, build.buildId);
      printOutcome(ended);
      if (ended.status !== "succeeded") process.exitCode = 1;
    });
  model
    .command("builds <model> <version>")
    .description("Lists the builds of a model version, newest first.")
    .action(async (name: string, version: string) => {
      const builds = await new TailoringApi(connect(program)).builds({ model: name, version });
      printTable([["BUILD", "STATUS", "PROGRESS", "VARIANTS", "TOOK"], ...builds.map(describe)]);
    });
  model
    .command("cancel-build <buildId>")
    .description("Cancels a build; variants that it has made stay.")
    .action(async (buildId: string) => {
      const { status } = await new TailoringApi(connect(program)).cancelBuild(buildId);
      process.stdout.write(`${status}\n`);
    });
}

function requestOf(options: BuildOptions): VariantBuildRequest {
  const accuracy = {
    maximumLoss: options.accuracyLoss,
    minimumAccuracy: options.minAccuracy,
    minimumDecibels: options.minDecibels,
    maximumFloatLayers: options.maxFloatLayers,
  };
  return {
    accuracy: Object.fromEntries(Object.entries(accuracy).filter(([, value]) => value !== undefined)),
    equalise: options.equalise,
    ...(options.variants === undefined ? {} : { variants: options.variants }),
    ...(options.calibration === undefined ? {} : { calibration: datasetOf(options.calibration) }),
    ...(options.evaluation === undefined ? {} : { evaluation: datasetOf(options.evaluation) }),
    ...(options.pruning === undefined ? {} : { pruning: { share: options.pruning } }),
  };
}

/** commander makes `true` of a `--no-x` that was not given, `false` of one that was. */
function datasetOf(option: string | boolean): string | null | undefined {
  return typeof option === "string" ? option : option ? undefined : null;
}

async function watchBuild(api: TailoringApi, buildId: string): Promise<VariantBuildView> {
  return watchJob(
    () => api.build(buildId),
    ({ status, progress }) =>
      status === "queued" || status === "in_progress"
        ? {
            percent: progress?.percent ?? null,
            step: progress?.step ?? "waiting for its turn",
            remainingMs: progress?.remainingMs ?? null,
          }
        : undefined,
  );
}

function printOutcome(build: VariantBuildView): void {
  const rows = build.variants.map(({ name, status, error }) => [
    name,
    status,
    error === null ? "" : `${error.code}: ${error.message}`,
  ]);
  printTable([["VARIANT", "STATUS", "WHY"], ...rows]);
  const why = build.error === null ? "" : ` (${build.error.code}: ${build.error.message})`;
  process.stdout.write(`${build.status}${why}\n`);
}

function describe(build: VariantBuildView): string[] {
  const { startedAt, finishedAt, progress } = build;
  const took = startedAt === null ? "-" : durationText((finishedAt ?? Date.now()) - startedAt);
  const variants = build.variants.map(({ name, status }) => (status === "succeeded" ? name : `${name} (${status})`));
  return [
    build.buildId,
    build.status,
    progress === null ? "-" : `${Math.floor(progress.percent)} %`,
    variants.join(" "),
    took,
  ];
}
