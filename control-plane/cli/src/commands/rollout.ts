import { type RolloutRequest, rolloutDetailSchema, rolloutSummarySchema } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { connect } from "./connect.js";
import { printTable } from "./table.js";

/** `sartor rollout create | list | show | cancel`. */
export function addRolloutCommands(program: Command): void {
  const rollout = program.command("rollout").description("Campaigns that bring a model version to devices.");
  rollout
    .command("create <model> <version>")
    .description("Rolls a model version out.")
    .option("--name <name>", "a name that people read")
    .option("--device <deviceId...>", "only these devices; all enrolled ones by default")
    .action(async (model: string, version: string, options: { name?: string; device?: string[] }) => {
      const request: RolloutRequest = {
        name: options.name ?? `${model} ${version}`,
        model,
        version,
        devices: options.device ?? "all",
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
    .action(async (rolloutId: string) => {
      const detail = await connect(program).get(
        `/api/v1/rollouts/${encodeURIComponent(rolloutId)}`,
        rolloutDetailSchema,
      );
      const rows = detail.deployments.map((item) => [
        item.deviceName,
        item.status,
        item.step,
        item.error === null ? "" : `${item.error.code}: ${item.error.message}`,
      ]);
      printTable([["DEVICE", "STATUS", "STEP", "ERROR"], ...rows]);
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

function describeCounts(counts: Readonly<Partial<Record<string, number>>>): string {
  return Object.entries(counts)
    .filter(([, count]) => (count ?? 0) > 0)
    .map(([status, count]) => `${count} ${status}`)
    .join(", ");
}
