import { SartorError } from "@sartor/shared/errors";
import type { Command } from "commander";
import { TailoringApi } from "../tailoring-api.js";
import { connect } from "./connect.js";
import { addPolicyOptions, type PolicyOptions, policyOf } from "./options.js";
import { planText } from "./plan-text.js";
import { printTable } from "./table.js";

interface PlanOptions extends PolicyOptions {
  readonly device?: string;
  readonly profile?: string;
  readonly json?: boolean;
}

/** `sartor plan` and `sartor profiles`. */
export function addPlanCommands(program: Command): void {
  const plan = program
    .command("plan <model> <version>")
    .description("Says which variant a device would get and why. Changes nothing.")
    .option("--device <deviceId>", "for this device")
    .option("--profile <id>", "for the reference hardware of a firmware profile")
    .option("--json", "print the whole plan as JSON");
  addPolicyOptions(plan).action(async (model: string, version: string, options: PlanOptions) => {
    const answer = await new TailoringApi(connect(program)).plan({
      model,
      version,
      device: whichDevice(options),
      policy: policyOf(options),
    });
    process.stdout.write(`${options.json === true ? JSON.stringify(answer, null, 2) : planText(answer)}\n`);
  });
  program
    .command("profiles")
    .description("Lists the firmware profiles: kinds of hardware that can be planned for.")
    .action(async () => {
      const profiles = await new TailoringApi(connect(program)).profiles();
      const rows = profiles.map(({ id, title, role, providers }) => [id, title, role, providers.join(" ")]);
      printTable([["PROFILE", "HARDWARE", "ROLE", "PROVIDERS"], ...rows]);
    });
}

function whichDevice({ device, profile }: PlanOptions): { deviceId: string } | { profile: string } {
  if (device !== undefined && profile === undefined) return { deviceId: device };
  if (profile !== undefined && device === undefined) return { profile };
  throw new SartorError("SRT_INVALID_REQUEST", "Name either a device (--device) or a firmware profile (--profile).");
}
