import { type ChildProcess, fork } from "node:child_process";
import { randomInt } from "node:crypto";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Signer } from "./signing.js";

const CONTROL_PLANE = fileURLToPath(new URL("../../../control-plane/dist/main.js", import.meta.url));
const START_MS = 30_000;

/** The real control plane in a process of its own: it can be killed and started again on the same state and ports. */
export interface ControlPlaneProcess {
  readonly httpUrl: string;
  readonly httpPort: number;
  readonly devicePort: number;
  readonly mqttPort: number;
  readonly operatorToken: string;
  /** Holds its keys and signs whatever appears, as long as it runs. */
  readonly signer: Signer;
  readonly stateFolder: string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  /** Starts it again where it was. */
  restart(): Promise<void>;
  /** A request to the REST API as operator; throws when the status is not of 200. */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
}

/** Below the ports that systems give to outgoing connections and to servers that take any: nobody gets one of these unasked. */
const PORTS = { from: 20_000, to: 32_000 };

/** A port that was free a moment ago, and that nothing but another call of this takes meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export async function startControlPlaneProcess(
  stateFolder: string,
  environment: Record<string, string> = {},
): Promise<ControlPlaneProcess> {
  const httpPort = await freePort();
  const devicePort = await freePort();
  const mqttPort = await freePort();
  let child: ChildProcess;
  let ready: { httpUrl: string; operatorToken: string } | undefined;
  const httpUrl = `http://127.0.0.1:${httpPort}`;
  const signer = new Signer(() => ({ httpUrl, operatorToken: ready?.operatorToken ?? "" }));
  let background: ReturnType<Signer["keepSigning"]> | undefined;
  const start = async () => {
    const log = createWriteStream(join(stateFolder, "..", "control-plane.log"), { flags: "a" });
    child = fork(CONTROL_PLANE, {
      env: {
        PATH: process.env.PATH,
        SARTOR_STATE_DIR: stateFolder,
        SARTOR_HTTP_PORT: String(httpPort),
        SARTOR_DEVICE_PORT: String(devicePort),
        SARTOR_MQTT_PORT: String(mqttPort),
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    ready = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the control plane did not start")), START_MS);
      child.once("message", (message) => {
        clearTimeout(timer);
        resolve(message as { httpUrl: string; operatorToken: string });
      });
      child.once("exit", (code) => reject(new Error(`the control plane ended with ${code}`)));
    });
    await signer.ceremony();
    background = signer.keepSigning();
  };
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
    await background?.stop();
  };
  await start();
  return {
    httpUrl,
    httpPort,
    devicePort,
    mqttPort,
    stateFolder,
    signer,
    get operatorToken() {
      return ready?.operatorToken ?? "";
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    restart: start,
    async api<T>(method: string, path: string, body?: unknown): Promise<T> {
      const response = await fetch(new URL(path, httpUrl), {
        method,
        headers: {
          authorization: `Bearer ${ready?.operatorToken}`,
          ...(body instanceof Uint8Array
            ? { "content-type": "application/octet-stream" }
            : body === undefined
              ? {}
              : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
      });
      const json = (await response.json()) as T;
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(json)}`);
      return json;
    },
  };
}
