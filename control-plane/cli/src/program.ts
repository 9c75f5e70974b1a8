import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { addAuditCommands } from "./commands/audit.js";
import { addCaCommands } from "./commands/ca.js";
import { addDeviceCommands } from "./commands/device.js";
import { addKeysCommands } from "./commands/keys.js";
import { addLoginCommands } from "./commands/login.js";
import { addModelCommands } from "./commands/model.js";
import { addPlanCommands } from "./commands/plan.js";
import { addRolloutCommands } from "./commands/rollout.js";
import { addTokenCommands } from "./commands/tokens.js";
import { addUserCommands } from "./commands/users.js";
import { DEFAULT_STATE_FOLDER } from "./config/index.js";
import { runDemo } from "./demo/run-demo.js";

/** Most emulated devices of one demo: each is two processes on this machine. */
const MAXIMUM_DEVICES = 50;

/** The whole command line. */
export function buildProgram(): Command {
  const program = new Command("sartor")
    .description("Operates a fleet of edge devices.")
    .version(readVersion())
    .option("--url <address>", "address of the control plane (SARTOR_URL)")
    .option("--token <token>", "operator token or API token (SARTOR_OPERATOR_TOKEN)")
    .option("--state <folder>", "state folder of a control plane on this machine", DEFAULT_STATE_FOLDER);
  program
    .command("demo")
    .description("Starts control plane, this machine's agent and the road-sign demo.")
    .option("--devices <count>", "emulated devices beside this machine", parseCount, 0)
    .action(async (options: { devices: number }) => {
      const stop = new AbortController();
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort());
      await runDemo({ stateFolder: program.opts<{ state: string }>().state, devices: options.devices }, stop.signal);
    });
  addCaCommands(program);
  addDeviceCommands(program);
  addKeysCommands(program);
  addModelCommands(program);
  addPlanCommands(program);
  addRolloutCommands(program);
  addLoginCommands(program);
  addUserCommands(program);
  addTokenCommands(program);
  addAuditCommands(program);
  return program;
}

function readVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0 || count > MAXIMUM_DEVICES) {
    throw new InvalidArgumentError(`expected a whole number from 0 to ${MAXIMUM_DEVICES}`);
  }
  return count;
}
