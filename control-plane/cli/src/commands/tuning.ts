import type { TuningRequest, TuningView } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { TailoringApi } from "../tailoring-api.js";
import { connect } from "./connect.js";
import { addPolicyOptions, type PolicyOptions, parsePositive, parseShare, parseWhole, policyOf } from "./options.js";
import { printTable } from "./table.js";
import { tuningText, verdictText } from "./tuning-text.js";
import { watchJob } from "./watch.js";

interface TuneOptions extends PolicyOptions {
  readonly budget?: number;
  readonly maxCpu?: number;
  readonly minGain?: number;
  readonly hysteresis?: number;
  readonly apply: boolean;
  readonly watch?: boolean;
}

/** `sartor device tune | tunings | tuning | cancel-tuning`. */
export function addTuningCommands(program: Command, device: Command): void {
  const tune = device
    .command("tune <deviceId> [model] [version]")
    .description("Has a device measure the candidates of its plan; of the model that it serves by default.")
    .option("--budget <seconds>", "longest time of measuring", parseWhole(1, 86_400))
    .option("--max-cpu <share>", "most of the device's CPU time", parseShare)
    .option("--min-gain <share>", "least gain in time that is worth a switch", parseShare)
    .option("--hysteresis <hours>", "time after a switch during which there is no other", parsePositive)
    .option("--no-apply", "measure only; what runs keeps running")
    .option("--watch", "wait for the verdict with a progress line; Ctrl-C ends the waiting, not the tuning");
  addPolicyOptions(tune).action(
    async (deviceId: string, model: string | undefined, version: string | undefined, options: TuneOptions) => {
      const api = new TailoringApi(connect(program));
      const { tuningId } = await api.startTuning(deviceId, requestOf(model, version, options));
      process.stdout.write(`${tuningId}\n`);
      if (options.watch !== true) return;
      const ended = await watchJob(() => api.tuning(tuningId), progressOf);
      process.stdout.write(`${tuningText(ended)}\n`);
      if (ended.status !== "succeeded") process.exitCode = 1;
    },
  );
  device
    .command("tunings <deviceId>")
    .description("Lists the tunings of a device, newest first.")
    .action(async (deviceId: string) => {
      const tunings = await new TailoringApi(connect(program)).tunings(deviceId);
      const rows = tunings.map((tuning) => [
        tuning.tuningId,
        `${tuning.model} ${tuning.version}`,
        tuning.status,
        verdictText(tuning),
      ]);
      printTable([["TUNING", "MODEL", "STATUS", "VERDICT"], ...rows]);
    });
  device
    .command("tuning <tuningId>")
    .description("Shows what a tuning measured and what follows from it.")
    .action(async (tuningId: string) => {
      process.stdout.write(`${tuningText(await new TailoringApi(connect(program)).tuning(tuningId))}\n`);
    });
  device
    .command("cancel-tuning <tuningId>")
    .description("Cancels a tuning; what serves goes on.")
    .action(async (tuningId: string) => {
      const { status } = await new TailoringApi(connect(program)).cancelTuning(tuningId);
      process.stdout.write(`${status}\n`);
    });
}

function requestOf(model: string | undefined, version: string | undefined, options: TuneOptions): TuningRequest {
  return {
    apply: options.apply,
    policy: policyOf(options),
    ...(model === undefined ? {} : { model }),
    ...(version === undefined ? {} : { version }),
    ...(options.budget === undefined ? {} : { budgetSeconds: options.budget }),
    ...(options.maxCpu === undefined ? {} : { maximumCpuShare: options.maxCpu }),
    ...(options.minGain === undefined ? {} : { minimumGain: options.minGain }),
    ...(options.hysteresis === undefined ? {} : { hysteresisHours: options.hysteresis }),
  };
}

function progressOf({ status, progress }: TuningView) {
  if (status !== "queued" && status !== "in_progress") return undefined;
  const step = status === "queued" ? "waiting for the device" : "the device measures";
  return { percent: progress * 100, step, remainingMs: null };
}
