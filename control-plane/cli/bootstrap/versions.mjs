import { spawnSync } from "node:child_process";
import { BootstrapError } from "./progress.mjs";

const LEAST_NODE = 20;
const LEAST_NPM = 10;

/** How npm is called: through the very npm that runs this, or the one on the PATH. */
export function npmCommand() {
  const script = process.env.npm_execpath;
  return script?.endsWith(".js") ? { program: process.execPath, before: [script] } : { program: "npm", before: [] };
}

/** Fails with a sentence when the machine cannot run Sartor at all. */
export function checkVersions() {
  const node = process.versions.node;
  if (Number.parseInt(node, 10) < LEAST_NODE) {
    throw new BootstrapError(`Node ${LEAST_NODE} or later is needed to set Sartor up; this is Node ${node}.`, {
      advice: "install a newer Node from https://nodejs.org or your distribution, then run the same command again.",
    });
  }
  const npm = npmVersion();
  if (npm === undefined) {
    throw new BootstrapError("npm was not found; Sartor is installed with it.", {
      advice: "install npm (Debian: apt-get install npm), then run the same command again.",
    });
  }
  if (Number.parseInt(npm, 10) < LEAST_NPM) {
    throw new BootstrapError(`npm ${LEAST_NPM} or later is needed; this is npm ${npm}.`, {
      advice: "run `npm install --global npm@11`, then the same command again.",
    });
  }
  if (process.platform !== "linux" && process.platform !== "darwin") {
    throw new BootstrapError(`Sartor runs on Linux; this is ${process.platform}.`, {
      advice: "use a Linux machine, a container or WSL 2.",
    });
  }
}

/** npm names itself to the scripts that it runs; otherwise it is asked. */
function npmVersion() {
  const named = /^npm\/(\d+\.\d+\.\d+)/.exec(process.env.npm_config_user_agent ?? "")?.[1];
  if (named !== undefined) return named;
  const { program, before } = npmCommand();
  const asked = spawnSync(program, [...before, "--version"], { encoding: "utf8", timeout: 30_000 });
  return asked.status === 0 ? asked.stdout.trim().split("\n").at(-1) : undefined;
}
