import {
  type DeviceDeploymentView,
  deviceDeploymentViewSchema,
  type RolloutRequest,
  rolloutSummarySchema,
} from "@sartor/shared/protocol";
import { type Command, Option } from "commander";
import { connect } from "./connect.js";
import { runsAs, shortNumber, wrapText } from "./format.js";
import { addPolicyOptions, type PolicyOptions, policyOf } from "./options.js";
import { printTable } from "./table.js";

const TUNE_CHOICES = ["auto", "always", "never"] as const;

interface CreateOptions extends PolicyOptions {
  readonly name?: string;
  readonly device?: string[];
  readonly group?: string[];
  readonly variant?: string;
  readonly tune?: (typeof TUNE_CHOICES)[number];
}

/** `sartor rollout create | list | show | cancel`. */
export function addRolloutCommands(program: Command): void {
  const rollout = program.command("rollout").description("Campaigns that bring a model version to devices.");
  const create = rollout
    .command("create <model> <version>")
    .alias("start")
    .description("Rolls a model version out: to each device the variant that its plan puts first.")
    .option("--name <name>", "a name that people read")
    .addOption(
      new Option("--device <deviceId...>", "only these devices; all that one may see by default").conflicts("group"),
    )
    .option("--group <group...>", "only the devices that are in these groups now")
    .option("--variant <name>", "this variant for all devices, whatever their plans say")
    .addOption(
      new Option("--tune <when>", "whether devices measure their candidates once they serve").choices(TUNE_CHOICES),
    );
  addPolicyOptions(create).action(async (model: string, version: string, options: CreateOptions) => {
    const request: RolloutRequest = {
      name: options.name ?? `${model} ${version}`,
      model,
      version,
      devices: options.group === undefined ? (options.device ?? "all") : { groups: options.group },
      tailoring: {
        policy: policyOf(options),
        ...(options.variant === undefined ? {} : { variant: options.variant }),
        ...(options.tune === undefined ? {} : { tune: options.tune }),
      },
    };
    const { rolloutId } = await connect(program).post("/api/v1/rollouts", request, rolloutSummarySchema);
    process.stdout.write(`${rolloutId}\n`);
  });
  rollout
    .command("list")
    .description("Lists rollouts, newest first.")
    .action(async () => {
      const items = await connect(program).getAll("/api/v1/rollouts", rolloutSummarySchema);
      const rows = items.map((item) => [
        item.rolloutId,
        item.name,
        `${item.model} ${item.version}`,
        item.status,
        describeCounts(item.counts),
      ]);
      printTable([["ROLLOUT", "NAME", "MODEL", "STATUS", "DEVICES"], ...rows]);
    });
  rollout
    .command("show <rolloutId>")
    .description("Shows how each device stands.")
    .option("--reasons", "why each device gets its variant")
    .action(async (rolloutId: string, options: { reasons?: boolean }) => {
      const deployments = await connect(program).getAll(
        `/api/v1/rollouts/${encodeURIComponent(rolloutId)}/deployments?limit=1000`,
        deviceDeploymentViewSchema,
      );
      printTable([["DEVICE", "STATUS", "STEP", "RUNS", "EXPECTED MS", "ERROR"], ...deployments.map(describe)]);
      if (options.reasons !== true) return;
      for (const { deviceName, tailoring } of deployments) {
        if (tailoring === null) continue;
        process.stdout.write(`\n${deviceName}\n${tailoring.reasons.map((text) => wrapText(text, "  ")).join("\n")}\n`);
      }
    });
  rollout
    .command("cancel <rolloutId>")
    .description("Cancels what has not finished; what runs on a device keeps running.")
    .action(async (rolloutId: string) => {
      const { status } = await connect(program).post(
        `/api/v1/rollouts/${encodeURIComponent(rolloutId)}/cancel`,
        {},
        rolloutSummarySchema,
      );
      process.stdout.write(`${status}\n`);
    });
}

function describe({ deviceName, status, step, tailoring, error }: DeviceDeploymentView): string[] {
  return [
    deviceName,
    status,
    step,
    tailoring === null ? "-" : runsAs(tailoring),
    tailoring?.latencyMs == null ? "-" : `${shortNumber(tailoring.latencyMs)} ${tailoring.basis}`,
    error === null ? "" : `${error.code}: ${error.message}`,
  ];
}

function describeCounts(counts: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(counts)
    .filter(([, count]) => (count ?? 0) > 0)
    .map(([status, count]) => `${count} ${status}`)
    .join(", ");
}
