import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startControlPlane as start } from "@sartor/control-plane";
import { Clock, Settings, SettingsReader } from "@sartor/control-plane/config";
import { Signer } from "./signing.js";

export interface ControlPlaneOptions {
  /** Further settings, by their environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** A state folder that exists already: it is kept by `stop`. A temporary one by default. */
  readonly stateDir?: string;
  /** Run it as a process of its own, which can be killed. In this process by default: faster. */
  readonly process?: boolean;
  /** Where its time comes from, ms since 1970; only within this process. */
  readonly now?: () => number;
  /** Hold the key ceremony at the start and sign whatever appears, as by default; `false` leaves both to the test. */
  readonly signing?: boolean;
}

export interface RunningControlPlane {
  /** The operators' address. */
  readonly httpUrl: string;
  /** The devices' HTTPS. */
  readonly deviceUrl: string;
  /** The devices' broker. */
  readonly mqttUrl: string;
  readonly operatorToken: string;
  readonly stateDir: string;
  /** Holds its keys; none where the test signs by itself. */
  readonly signer?: Signer;
  /** Its process, where it is one of its own. */
  readonly pid?: number;
  /** Stops it in order; removes the state folder when it was a temporary one. */
  stop(): Promise<void>;
  /** Kills the process without warning (SIGKILL) and keeps the state folder; only with `process: true`. */
  kill(): Promise<void>;
}

/** Starts the real control plane on free ports with a state folder of its own. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<RunningControlPlane> {
  const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "sartor-control-plane-")));
  const removeState = async () => {
    if (options.stateDir === undefined) await rm(stateDir, { recursive: true, force: true });
  };
  const env = {
    SARTOR_STATE_DIR: stateDir,
    SARTOR_HTTP_PORT: "0",
    SARTOR_DEVICE_PORT: "0",
    SARTOR_MQTT_PORT: "0",
    SARTOR_LOG_LEVEL: "error",
    ...options.env,
  };
  const started = await (options.process === true
    ? startProcess(env, stateDir, removeState)
    : startHere(env, options, stateDir, removeState));
  return options.signing === false ? started : withSigner(started, options.now);
}

async function withSigner(controlPlane: RunningControlPlane, now?: () => number): Promise<RunningControlPlane> {
  const signer = new Signer(() => controlPlane, now);
  await signer.ceremony();
  const background = signer.keepSigning();
  return {
    ...controlPlane,
    signer,
    stop: async () => {
      await background.stop();
      await controlPlane.stop();
    },
    kill: async () => {
      await controlPlane.kill();
      await background.stop();
    },
  };
}

class TestClock extends Clock {
  constructor(override readonly now: () => number) {
    super();
  }
}

async function startHere(
  env: Record<string, string>,
  options: ControlPlaneOptions,
  stateDir: string,
  removeState: () => Promise<void>,
): Promise<RunningControlPlane> {
  const clock = new TestClock(options.now ?? Date.now);
  const controlPlane = await start(new Settings(new SettingsReader(env)), clock);
  const { httpUrl, deviceUrl, mqttUrl, operatorToken } = controlPlane;
  return {
    httpUrl,
    deviceUrl,
    mqttUrl,
    operatorToken,
    stateDir,
    stop: async () => {
      await controlPlane.stop();
      await removeState();
    },
    kill: () => Promise.reject(new Error("start it with process: true to kill it")),
  };
}

async function startProcess(
  env: Record<string, string>,
  stateDir: string,
  removeState: () => Promise<void>,
): Promise<RunningControlPlane> {
  const main = fileURLToPath(import.meta.resolve("@sartor/control-plane/main"));
  const child = fork(main, [], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const ready = await waitUntilReady(child);
  return {
    ...ready,
    stateDir,
    ...(child.pid === undefined ? {} : { pid: child.pid }),
    stop: async () => {
      child.kill("SIGTERM");
      const code = await ended;
      if (code !== 0) throw new Error(`the control plane ended with ${code} and not in order`);
      await removeState();
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

type Ready = Pick<RunningControlPlane, "httpUrl" | "deviceUrl" | "mqttUrl" | "operatorToken">;

function waitUntilReady(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the control plane ended with ${code} before it was ready`)));
    child.on("message", (message: { type?: string } & Ready) => {
      if (message.type !== "ready") return;
      const { httpUrl, deviceUrl, mqttUrl, operatorToken } = message;
      resolve({ httpUrl, deviceUrl, mqttUrl, operatorToken });
    });
  });
}
