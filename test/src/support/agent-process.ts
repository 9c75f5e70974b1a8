import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait-for.js";

const AGENT = fileURLToPath(new URL("../../../agent/bin/sartor-agent", import.meta.url));

/** The real agent in a process of its own, as a service manager would run it. */
export interface AgentProcess {
  readonly folder: string;
  readonly logFile: string;
  readonly pid: number;
  deviceId(): string | undefined;
  /** SIGKILL, at once; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when it has ended in peace. */
  stop(): Promise<void>;
}

/** Starts an agent on a state folder; starting again on the same folder is a restart. */
export async function startAgentProcess(folder: string, environment: Record<string, string>): Promise<AgentProcess> {
  mkdirSync(folder, { recursive: true });
  const logFile = join(folder, "agent.log");
  const log = createWriteStream(logFile, { flags: "a" });
  const child: ChildProcess = spawn(AGENT, {
    env: {
      PATH: process.env.PATH,
      SARTOR_NODE: process.execPath,
      SARTOR_AGENT_STATE_DIR: folder,
      SARTOR_INFERENCE_PORT: "0",
      SARTOR_LOG_LEVEL: "debug",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  await waitFor("the agent to start", () => child.pid !== undefined);
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await gone;
    log.end();
  };
  return {
    folder,
    logFile,
    pid: child.pid ?? 0,
    deviceId: () => {
      const path = join(folder, "identity", "current", "identity.json");
      return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { deviceId: string }).deviceId : undefined;
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  };
}
