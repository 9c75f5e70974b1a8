import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { RolloutDetail } from "@sartor/shared/protocol";
import { type ControlPlaneProcess, startControlPlaneProcess } from "../support/control-plane-process.js";
import { enrol } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier, seededRandom } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { PersistentDevice } from "./persistent-device.js";

const MODEL = "tiny";
const VERSION = "1.0.0";
const DEVICES = 6;
const WAVES = 3;

export const SERVER_FAULTS = ["control plane killed", "control plane restarted"] as const;
export type ServerFault = (typeof SERVER_FAULTS)[number];

export interface ServerRun {
  readonly seed: number;
  readonly injected: Map<ServerFault, number>;
  readonly violations: string[];
  rollouts: number;
}

/** A control plane as a process, with devices that do what they are told. */
export interface ServerBench {
  readonly controlPlane: ControlPlaneProcess;
  readonly devices: readonly PersistentDevice[];
  stop(): Promise<void>;
}

export async function startServerBench(): Promise<ServerBench> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-server-faults-"));
  await mkdir(join(folder, "control-plane"));
  const controlPlane = await startControlPlaneProcess(join(folder, "control-plane"), {
    SARTOR_ENROLMENTS_PER_MINUTE: "1000",
    SARTOR_BUILD_AUTOMATICALLY: "false",
  });
  const { status } = await register(
    controlPlane,
    buildTinyClassifier({ name: MODEL, version: VERSION, goldenVectors: 2 }),
  );
  if (status >= 300) throw new Error(`registering answered ${status}`);
  const devices: PersistentDevice[] = [];
  for (let index = 0; index < DEVICES; index++) {
    const addressed = { ...controlPlane, deviceUrl: `https://127.0.0.1:${controlPlane.devicePort}` };
    devices.push(new PersistentDevice(await enrol(addressed as never, `device ${index}`)));
  }
  for (const device of devices) device.start();
  await waitFor("every device to connect", () => devices.every(({ isConnected }) => isConnected));
  return {
    controlPlane,
    devices,
    async stop() {
      for (const device of devices) await device.stop();
      await controlPlane.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Kills or restarts the control plane again and again while a rollout of several waves goes on, and looks after each rollout that no wave was
 * skipped, repeated or begun too early, that each device was told once, and that both sides agree.
 *
 * @param injections how many kills and restarts there shall be at least
 */
export async function runServerFaults(
  bench: ServerBench,
  { seed, injections, onRollout }: { seed: number; injections: number; onRollout?: (run: ServerRun) => void },
): Promise<ServerRun> {
  const random = seededRandom(seed);
  const run: ServerRun = { seed, injected: new Map(), violations: [], rollouts: 0 };
  const done = () => [...run.injected.values()].reduce((sum, count) => sum + count, 0);
  const template = await bench.controlPlane.api<{ rolloutId: string }>("POST", "/api/v1/rollouts", {
    name: "template",
    model: MODEL,
    version: VERSION,
    devices: bench.devices.map(({ deviceId }) => deviceId),
    probe: { soakSeconds: 0 },
    tailoring: { tune: "never" },
  });
  await finished(bench, template.rolloutId);
  while (done() < injections && run.violations.length === 0) {
    const rolloutId = await disturbedRollout(bench, template.rolloutId, random, run);
    await judge(bench, rolloutId, run);
    run.rollouts += 1;
    onRollout?.(run);
  }
  return run;
}

/** One rollout with the control plane killed in the middle of it, from its first moment to its end. */
async function disturbedRollout(
  bench: ServerBench,
  templateId: string,
  random: () => number,
  run: ServerRun,
): Promise<string> {
  const { controlPlane } = bench;
  const rolloutId = ulid(Date.now(), random);
  const shuffled = bench.devices.map(({ deviceId }) => ({ deviceId, at: random() })).sort((a, b) => a.at - b.at);
  await down(controlPlane, random, run);
  // Waves are the executor's; the REST interface orders rollouts of one wave only, so that one of several is written where orders are kept.
  const database = new DatabaseSync(join(controlPlane.stateFolder, "control-plane.sqlite"));
  database.exec("BEGIN IMMEDIATE");
  database.prepare("CREATE TEMP TABLE copied AS SELECT * FROM rollout WHERE rollout_id = ?").run(templateId);
  database
    .prepare(
      "UPDATE copied SET rollout_id = ?, name = 'disturbed', status = 'running', wave = 0, created_at = ?, finished_at = NULL",
    )
    .run(rolloutId, Date.now());
  database.exec("INSERT INTO rollout SELECT * FROM copied");
  for (const [index, { deviceId }] of shuffled.entries()) {
    database
      .prepare("INSERT INTO rollout_device (rollout_id, wave, device_id) VALUES (?, ?, ?)")
      .run(rolloutId, 1 + (index % WAVES), deviceId);
  }
  database.exec("COMMIT");
  database.close();
  await controlPlane.restart();
  for (let isOver = false; !isOver; ) {
    // A rollout of three waves takes some 300 ms of an undisturbed control plane: most kills are in the middle of it.
    await sleep(random() * 300);
    isOver = (await controlPlane.api<RolloutDetail>("GET", `/api/v1/rollouts/${rolloutId}`)).finishedAt !== null;
    if (isOver) break;
    await down(controlPlane, random, run);
    await controlPlane.restart();
  }
  return rolloutId;
}

async function down(controlPlane: ControlPlaneProcess, random: () => number, run: ServerRun): Promise<void> {
  const fault: ServerFault = random() < 0.75 ? "control plane killed" : "control plane restarted";
  if (fault === "control plane killed") await controlPlane.kill();
  else await controlPlane.stop();
  run.injected.set(fault, (run.injected.get(fault) ?? 0) + 1);
}

const finished = ({ controlPlane }: ServerBench, rolloutId: string) =>
  waitFor("the rollout to finish", async () => {
    const now = await controlPlane.api<RolloutDetail>("GET", `/api/v1/rollouts/${rolloutId}`);
    return now.finishedAt !== null && now;
  });

async function judge(bench: ServerBench, rolloutId: string, run: ServerRun): Promise<void> {
  const { status, deployments } = await finished(bench, rolloutId);
  const wrong = (what: string) => run.violations.push(`rollout ${rolloutId}: ${what}`);
  if (status !== "succeeded") wrong(`it is ${status}`);
  if (deployments.length !== DEVICES) wrong(`it has ${deployments.length} deployments of ${DEVICES}`);
  if (new Set(deployments.map(({ deviceId }) => deviceId)).size !== DEVICES) wrong("a device has two deployments");
  for (let wave = 2; wave <= WAVES; wave++) {
    const of = (number: number) => deployments.filter((deployment) => deployment.wave === number);
    if (of(wave).length !== DEVICES / WAVES) wrong(`wave ${wave} has ${of(wave).length} deployments`);
    const formerEnded = Math.max(...of(wave - 1).map(({ updatedAt }) => updatedAt));
    const began = Math.min(...of(wave).map(({ queuedAt }) => queuedAt));
    if (began < formerEnded)
      wrong(`wave ${wave} began ${formerEnded - began} ms before the one in front of it had ended`);
  }
  for (const device of bench.devices) {
    const told = new Set(
      device.told.filter((said) => said.rolloutId === rolloutId).map(({ deploymentId }) => deploymentId),
    );
    if (told.size !== 1) wrong(`${device.deviceId} was told ${told.size} deployments`);
    const own = deployments.find(({ deviceId }) => deviceId === device.deviceId);
    if (own?.status !== "succeeded" || !told.has(own.deploymentId)) wrong(`${device.deviceId} is ${own?.status}`);
    if (device.fellBack > 0) wrong(`${device.deviceId} was told an older generation ${device.fellBack} times`);
  }
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** A ULID of a time; the next millisecond's is larger. */
function ulid(now: number, random: () => number): string {
  let time = "";
  for (let left = now, digits = 0; digits < 10; digits++, left = Math.floor(left / 32))
    time = CROCKFORD[left % 32] + time;
  return time + Array.from({ length: 16 }, () => CROCKFORD[Math.floor(random() * 32)]).join("");
}
