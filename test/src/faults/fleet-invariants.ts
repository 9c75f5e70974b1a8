import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { goldenRun, readGoldenVectors, toNumbers } from "@sartor/shared/domain/tensor";
import { bundleManifestSchema, type DeviceDetail } from "@sartor/shared/protocol";
import { waitFor } from "../support/wait-for.js";
import type { FaultyDevice, FaultyFleet } from "./faulty-fleet.js";

/** By then, after the last fault, a device has done what was ordered: a back-off of a minute, and then all of it. */
const SETTLED_WITHIN_MS = 150_000;
/** Most by which two answers to the same question may differ: other kernels round otherwise. */
const TOLERANCE = 0.02;
/** What an undisturbed device may have more of than it had: a generation of metadata, a file of the database's log. */
const SPARE_ENTRIES = 6;
const SPARE_BYTES = 2 * 1024 * 1024;

/** What is promised of every device after every fault; what is not kept is told in words. */
export class FleetInvariants {
  readonly #fleet: FaultyFleet;
  readonly #floors = new Map<string, ReadonlyMap<string, number>>();
  readonly #ended = new Map<string, string>();
  readonly #disk = new Map<string, { readonly entries: number; readonly bytes: number }>();
  readonly violations: string[];

  /** @param violations what is not kept is added to these */
  constructor(fleet: FaultyFleet, violations: string[]) {
    this.#fleet = fleet;
    this.violations = violations;
  }

  /**
   * Looks at every device once the rollout is over, and whoever disturbed it has stopped.
   *
   * @param former which version each device had before
   */
  async settle(rolloutId: string, former: ReadonlyMap<string, string>, wanted: string, after: string): Promise<void> {
    const wrong = (what: string) => void this.violations.push(`after ${after}: ${what}`);
    const over = await waitFor(
      "the rollout to end",
      async () => (await this.#fleet.rollout(rolloutId)).status !== "running",
      SETTLED_WITHIN_MS,
    ).catch(() => false);
    const { deployments } = await this.#fleet.rollout(rolloutId);
    if (!over)
      wrong(`the rollout of ${wanted} did not end: ${deployments.map(({ status, step }) => `${status} ${step}`)}`);
    for (const device of this.#fleet.devices) {
      const own = deployments.filter(({ deviceId }) => deviceId === device.deviceId);
      const [deployment] = own;
      if (own.length !== 1 || deployment === undefined) {
        wrong(`${device.deviceId} has ${own.length} deployments`);
        continue;
      }
      const { status, error, deploymentId } = deployment;
      // A bundle under which the agent died again and again is rolled back: that is a promise too.
      const isLoop = status === "failed" && error?.code === "SRT_PROBE_LOOP";
      if (over && status !== "succeeded" && !isLoop) wrong(`${device.deviceId} ended as ${status}: ${error?.code}`);
      this.#ended.set(deploymentId, status);
      await this.#whole(
        device,
        status === "succeeded" ? wanted : (former.get(device.deviceId) ?? ""),
        deploymentId,
        wrong,
      );
    }
    await this.#endedOnce(wrong);
  }

  /** Floors never fall, whatever happens and whenever it is looked at. */
  lookAtFloors(device: FaultyDevice, after: string): void {
    const now = floorsOf(device.folder);
    const before = this.#floors.get(device.deviceId);
    for (const [name, floor] of before ?? []) {
      const value = now.get(name);
      if (value !== undefined && value < floor)
        this.violations.push(`after ${after}: ${name} fell from ${floor} to ${value}`);
    }
    this.#floors.set(device.deviceId, new Map([...(before ?? []), ...now]));
  }

  async #whole(
    device: FaultyDevice,
    version: string,
    deploymentId: string,
    wrong: (what: string) => void,
  ): Promise<void> {
    const { deviceId, folder } = device;
    const agrees = ({ presence, reported }: DeviceDetail) =>
      presence.status === "online" &&
      reported?.serving.state === "ready" &&
      reported.serving.version === version &&
      reported.deployment?.deploymentId === deploymentId &&
      reported.deployment.status !== "in_progress" &&
      reported.ordersRefusal === null &&
      reported.slots.active?.version === version &&
      reported.generation > 0;
    let answer: unknown;
    const agreed = await waitFor(
      "the device to agree",
      async () => {
        if (!agrees(await device.view())) return false;
        answer = await answersRight(device, this.#fleet.modelOf(version)).catch((error) => String(error));
        return answer === true;
      },
      SETTLED_WITHIN_MS,
    ).catch(() => false);
    if (!agreed) {
      const { presence, reported } = await device.view();
      wrong(
        `${deviceId} does not agree about ${version}: ${JSON.stringify({ answer, presence, reported }).slice(0, 2_000)}`,
      );
      return;
    }
    const damaged = damageOf(folder, version);
    if (damaged !== undefined) wrong(`the active slot of ${deviceId} is not whole: ${damaged}`);
    this.lookAtFloors(device, `the rollout of ${version}`);
    this.#noLeak(device, wrong);
  }

  #noLeak({ deviceId, folder }: FaultyDevice, wrong: (what: string) => void): void {
    const now = diskOf(folder);
    const baseline = this.#disk.get(deviceId);
    if (baseline === undefined) this.#disk.set(deviceId, now);
    else if (now.entries > baseline.entries + SPARE_ENTRIES || now.bytes > baseline.bytes + SPARE_BYTES) {
      wrong(
        `${deviceId} keeps ${now.entries} files of ${now.bytes} bytes; it had ${baseline.entries} of ${baseline.bytes}`,
      );
    }
  }

  /** What ended stays as it ended. */
  async #endedOnce(wrong: (what: string) => void): Promise<void> {
    const rollouts = await this.#fleet.controlPlane.api<{ items: { rolloutId: string }[] }>(
      "GET",
      "/api/v1/rollouts?limit=3",
    );
    for (const { rolloutId } of rollouts.items) {
      for (const { deploymentId, status } of (await this.#fleet.rollout(rolloutId)).deployments) {
        const known = this.#ended.get(deploymentId);
        if (known !== undefined && known !== status)
          wrong(`deployment ${deploymentId} ended as ${known} and then as ${status}`);
      }
    }
  }
}

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** What is wrong with the bundle that the `active` link names; undefined where nothing is. */
function damageOf(folder: string, version: string): string | undefined {
  try {
    const slot = join(folder, readlinkSync(join(folder, "active")));
    const bytes = readFileSync(join(slot, "bundle.json"));
    const manifest = bundleManifestSchema.parse(JSON.parse(bytes.toString()));
    const seal = JSON.parse(readFileSync(join(slot, "sealed.json"), "utf8")) as { bundleId: string };
    if (seal.bundleId !== sha256(bytes)) return "the seal names another bundle";
    if (manifest.version !== version) return `it holds ${manifest.version}`;
    for (const file of manifest.files) {
      if (sha256(readFileSync(join(slot, file.name))) !== file.digest) return `${file.name} is another file`;
    }
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Asks what the golden vectors ask. */
async function answersRight({ url }: FaultyDevice, { golden, manifest }: ReturnType<FaultyFleet["modelOf"]>) {
  const vectors = readGoldenVectors(golden, manifest);
  const [input] = goldenRun(vectors.inputs, vectors.count, 0);
  const [output] = goldenRun(vectors.outputs, vectors.count, 0);
  if (input === undefined || output === undefined) throw new Error("there are no golden vectors");
  const expected = [...toNumbers(output)];
  const { name, dataType, shape } = input;
  const data = [...toNumbers(input)];
  const reply = await fetch(`${url}/v2/models/${manifest.name}/infer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ inputs: [{ name, datatype: dataType, shape, data }] }),
  });
  const body = (await reply.json()) as { model_version?: string; outputs?: { data: number[] }[] };
  if (!reply.ok || body.model_version !== manifest.version) return JSON.stringify(body).slice(0, 300);
  const answer = body.outputs?.[0]?.data ?? [];
  const off = expected.findIndex((value, at) => !(Math.abs((answer[at] ?? Number.NaN) - value) <= TOLERANCE));
  return off < 0 || `output ${off} is ${answer[off]}, not ${expected[off]}`;
}

/** Every number of the floors on a device's disk, by its name: versions of metadata, release counters, generation, time. */
function floorsOf(folder: string): Map<string, number> {
  const floors = new Map<string, number>();
  const trust = join(folder, "trust");
  for (const enrolment of existsSync(trust) ? readdirSync(trust) : []) {
    for (const file of ["release-floors.json", "time.json", "director/floors.json", "image/floors.json"]) {
      const path = join(trust, enrolment, file);
      try {
        collect(`${enrolment} ${file}`, JSON.parse(readFileSync(path, "utf8")), floors);
      } catch {
        // There is none yet, or a fault damaged it: the copy beside it counts then, and the next look sees what comes of it.
      }
    }
  }
  return floors;
}

function collect(name: string, value: unknown, into: Map<string, number>): void {
  if (typeof value === "number") into.set(name, value);
  else if (typeof value === "object" && value !== null) {
    for (const [key, each] of Object.entries(value)) collect(`${name}.${key}`, each, into);
  }
}

/** Files below a folder and their bytes, without what is written all the time. */
function diskOf(folder: string): { entries: number; bytes: number } {
  const found = { entries: 0, bytes: 0 };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === "agent.log" || entry.name.startsWith("state.db")) continue;
    found.entries += 1;
    found.bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return found;
}
