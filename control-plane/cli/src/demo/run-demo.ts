import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import { deviceDetailSchema, telemetryReplySchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { ApiClient } from "../api-client.js";
import { startedAt } from "../config/index.js";
import { pushModelFolder } from "../model-folder.js";
import { type DemoDevice, deviceIdOf, planDevices, startAgent } from "./devices.js";
import { ManagedProcess } from "./managed-process.js";
import { choosePorts, type DemoPorts } from "./ports.js";
import { PROGRAMS, ROAD_SIGN_MODEL } from "./programs.js";
import { Progress } from "./progress.js";
import { ensureRollout, followRollout } from "./rollout.js";
import { signByItself, untilSigned } from "./signing.js";
import { lockStateFolder } from "./state-lock.js";
import { type TailorContext, tailorFleet } from "./tailor.js";

/** Frames that the camera sends to this machine's agent, a second. */
const CAMERA_RATE = 5;
/** The same for each emulated device: they share this machine's cores. */
const EMULATED_CAMERA_RATE = 1;
const TELEMETRY_WINDOW_SECONDS = 10;
const WAIT_MS = 60_000;

export interface DemoOptions {
  readonly stateFolder: string;
  /** How many emulated devices beside this machine. */
  readonly devices: number;
}

const readySchema = z.object({
  type: z.literal("ready"),
  httpUrl: z.string(),
  deviceUrl: z.string(),
  mqttUrl: z.string(),
  operatorToken: z.string(),
});
type Ready = z.infer<typeof readySchema>;

/**
 * The main job: control plane, this machine as a device, the road-sign model over the air, a camera. Every part is the one that is
 * used in the field, each in a process of its own; this function only starts them, asks the REST API, and ends them in order.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const progress = new Progress(startedAt());
  const stateFolder = resolve(options.stateFolder);
  mkdirSync(join(stateFolder, "logs"), { recursive: true, mode: 0o700 });
  progress.say(`state and logs lie in ${stateFolder} (delete the folder to begin anew)`);
  const unlock = lockStateFolder(join(stateFolder, "lock"));
  const processes: ManagedProcess[] = [];
  try {
    await bringUp(options, stateFolder, progress, processes, signal);
    await new Promise<void>((done) =>
      signal.aborted ? done() : signal.addEventListener("abort", () => done(), { once: true }),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    progress.say("stopping");
    // Cameras first, then agents, then the control plane: each finds what it needs while it ends.
    for (const process of processes.reverse()) await process.stop();
    unlock();
    progress.say("stopped");
  }
}

async function bringUp(
  options: DemoOptions,
  stateFolder: string,
  progress: Progress,
  processes: ManagedProcess[],
  signal: AbortSignal,
): Promise<void> {
  const since = Date.now();
  const ports = await choosePorts(join(stateFolder, "ports.json"), options.devices + 1);
  const ready = await startControlPlane(stateFolder, ports, progress, processes, signal);
  progress.say(`control plane listens on ${ready.httpUrl}, for devices on ${ready.deviceUrl} and ${ready.mqttUrl}`);
  const api = new ApiClient(ready.httpUrl, ready.operatorToken);

  // Before any device asks: what it believes comes from the ceremony.
  await signByItself(api, join(stateFolder, "signing-keys"), progress, signal);
  const devices = planDevices(stateFolder, options.devices, ports.inference);
  const onExit = (device: DemoDevice, what: string) =>
    progress.say(`the agent of ${device.name} ended (${what}); it is started again`);
  for (const device of devices) {
    processes.push(await startAgent(device, api, ready.deviceUrl, onExit));
    // One after the other: several runtimes that start at once on a small machine only get in each other's way.
    const deviceId = await waitFor(`${device.name} to enrol`, async () => deviceIdOf(device), signal);
    progress.say(`${device.profile === undefined ? "this machine" : "emulated device"} is enrolled as ${deviceId}`);
  }
  const deviceIds = devices.map(deviceIdOf).filter((id) => id !== undefined);

  const model = await pushModelFolder(api, ROAD_SIGN_MODEL);
  progress.say(
    `model ${model.model} ${model.version} is registered (${model.parameters} parameters, ${model.bytes} bytes)`,
  );
  await untilSigned(api, model, progress, signal);
  const rolloutId = await ensureRollout(api, model, deviceIds);
  if (rolloutId !== undefined) {
    const rollout = await followRollout(api, rolloutId, (line) => progress.say(`  ${line}`), signal);
    progress.say(`rollout ${rollout.status}`);
  }
  const endpoints = new Map<DemoDevice, string>();
  for (const device of devices) {
    endpoints.set(device, await waitFor(`${device.name} to serve`, () => servingEndpoint(api, device, since), signal));
  }
  startCameras(endpoints, stateFolder, processes);
  await waitFor(
    "the first classified sign in the telemetry",
    () => firstTelemetry(api, deviceIds[0] ?? "", since),
    signal,
  );
  printSummary(progress, ready, endpoints);
  await tailor({ api, model, deviceIds, stateFolder, processes, progress, signal });
}

/** Signs are classified whatever becomes of this: a failure is told, and the demo goes on. */
async function tailor(context: TailorContext): Promise<void> {
  try {
    await tailorFleet(context);
  } catch (thrown) {
    if (context.signal.aborted) throw thrown;
    const error = SartorError.from(thrown);
    context.progress.say(`tailoring ended early: ${error.message} [${error.code}]; the devices serve what they served`);
  }
}

async function startControlPlane(
  stateFolder: string,
  ports: DemoPorts,
  progress: Progress,
  processes: ManagedProcess[],
  signal: AbortSignal,
): Promise<Ready> {
  const logFile = join(stateFolder, "logs", "control-plane.log");
  return new Promise<Ready>((resolveReady, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    let isUp = false;
    processes.push(
      new ManagedProcess({
        name: "control plane",
        arguments: [PROGRAMS.controlPlane],
        environment: {
          SARTOR_STATE_DIR: join(stateFolder, "control-plane"),
          SARTOR_HTTP_PORT: String(ports.http),
          SARTOR_DEVICE_PORT: String(ports.devices),
          SARTOR_MQTT_PORT: String(ports.mqtt),
          SARTOR_TELEMETRY_WINDOW_SECONDS: String(TELEMETRY_WINDOW_SECONDS),
        },
        logFile,
        restart: true,
        onMessage: (message) => {
          const parsed = readySchema.safeParse(message);
          if (!parsed.success) return;
          isUp = true;
          signal.removeEventListener("abort", stop);
          resolveReady(parsed.data);
        },
        onExit: (what) => {
          if (isUp) return progress.say(`the control plane ended (${what}); it is started again`);
          reject(new SartorError("SRT_INTERNAL", `The control plane did not start (${what}); its log is ${logFile}.`));
        },
      }),
    );
  });
}

function startCameras(
  endpoints: ReadonlyMap<DemoDevice, string>,
  stateFolder: string,
  processes: ManagedProcess[],
): void {
  let seed = 1;
  for (const [device, endpoint] of endpoints) {
    const rate = device.profile === undefined ? CAMERA_RATE : EMULATED_CAMERA_RATE;
    processes.push(
      new ManagedProcess({
        name: `camera of ${device.name}`,
        arguments: [PROGRAMS.camera, "--url", endpoint, "--rate", String(rate), "--seed", String(seed)],
        environment: {},
        logFile: join(stateFolder, "logs", `camera-${seed}.log`),
        restart: true,
      }),
    );
    seed += 1;
  }
}

/** @param since reports of agents that were started before, ms since 1970, are of an earlier run and prove nothing */
async function servingEndpoint(api: ApiClient, device: DemoDevice, since: number): Promise<string | undefined> {
  const { reported } = await api.get(`/api/v1/devices/${deviceIdOf(device)}`, deviceDetailSchema);
  if (reported === null || reported.agent.startedAt < since || reported.serving.state !== "ready") return undefined;
  return reported.serving.endpoint;
}

async function firstTelemetry(api: ApiClient, deviceId: string, since: number): Promise<true | undefined> {
  const { points } = await api.get(
    `/api/v1/devices/${deviceId}/telemetry?from=${since}&limit=100`,
    telemetryReplySchema,
  );
  return points.some((point) => point.requests > 0) ? true : undefined;
}

/** Asks again and again until there is an answer. @throws SartorError SRT_DEPLOYMENT_TIMED_OUT after a minute */
async function waitFor<T>(what: string, ask: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline)
      throw new SartorError("SRT_DEPLOYMENT_TIMED_OUT", `Waited a minute for ${what}, in vain; see the logs.`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

function printSummary(progress: Progress, ready: Ready, endpoints: ReadonlyMap<DemoDevice, string>): void {
  const [first] = endpoints.values();
  progress.say("signs are being classified and the telemetry arrives");
  progress.line();
  progress.line(`  dashboard            ${ready.httpUrl}/#token=${ready.operatorToken}`);
  progress.line(`  inference endpoint   ${first}/v2/models/road-sign/classify   (POST a PNG or JPEG)`);
  for (const [device, endpoint] of [...endpoints].slice(1))
    progress.line(`    ${device.name} (emulated)   ${endpoint}`);
  progress.line(`  REST API             ${ready.httpUrl}/api/v1   (OpenAPI: ${ready.httpUrl}/api/openapi.json)`);
  progress.line();
  progress.line("  Ctrl-C stops everything.");
}
