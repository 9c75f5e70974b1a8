import { setTimeout as sleep } from "node:timers/promises";
import { TlsIdentity } from "@sartor/agent/platform";
import { SartorError } from "@sartor/shared/errors";
import {
  type DesiredState,
  type DirectorTargetCustom,
  desiredSchema,
  directorTargetCustomSchema,
  errorReplySchema,
  nudgeSchema,
  ORDER_TARGET,
  TRUST_PATHS,
  topicOf,
} from "@sartor/shared/protocol";
import type { MqttClient } from "mqtt";
import { z } from "zod";
import type { RunningControlPlane } from "./control-plane.js";
import { callAsDevice, type EnrolledDevice } from "./enrolled-device.js";

/** How often an order is looked for again that a newer one overtook. */
const ATTEMPTS = 20;
const RETRY_MS = 50;

const versionSchema = z.object({ version: z.number().int() });
const timestampSchema = z.object({ signed: z.object({ meta: z.object({ "snapshot.json": versionSchema }) }) });
const snapshotSchema = z.object({ signed: z.object({ meta: z.object({ "targets.json": versionSchema }) }) });
const targetsSchema = z.object({
  signed: z.object({
    version: z.number().int(),
    targets: z.record(z.string(), z.object({ hashes: z.object({ sha256: z.string() }), custom: z.unknown() })),
  }),
});

/** What a device's director repository says. */
export interface DirectorView {
  /** Version of its targets. */
  readonly version: number;
  readonly desired: DesiredState;
  /** What is said of each bundle that the order names, by the path of its target. */
  readonly bundles: ReadonlyMap<string, DirectorTargetCustom>;
}

type Identity = Pick<EnrolledDevice, "deviceId" | "credential">;

/**
 * Reads a device's director repository as the device would, over its own HTTPS, file after file. Nothing is verified: that is the agent's.
 *
 * @returns undefined before there is an order for it
 * @throws SartorError what the control plane refuses with
 */
export async function readDirector(
  controlPlane: Pick<RunningControlPlane, "deviceUrl">,
  device: Identity,
): Promise<DirectorView | undefined> {
  const tls = new TlsIdentity(device.credential);
  const base = TRUST_PATHS.director(device.deviceId);
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const reply = await callAsDevice(controlPlane, device.credential, `${base}/${path}`, { agent: tls.agent });
    const json: unknown = await reply.json();
    if (reply.ok) return schema.parse(json);
    throw SartorError.fromBody(errorReplySchema.parse(json).error);
  };
  try {
    for (let attempt = 1; ; attempt++) {
      const timestamp = await undefinedWhereMissing(get("metadata/timestamp.json", timestampSchema));
      if (timestamp === undefined) return undefined;
      try {
        const ofSnapshot = timestamp.signed.meta["snapshot.json"].version;
        const snapshot = await get(`metadata/${ofSnapshot}.snapshot.json`, snapshotSchema);
        const ofTargets = snapshot.signed.meta["targets.json"].version;
        const { version, targets } = (await get(`metadata/${ofTargets}.targets.json`, targetsSchema)).signed;
        const { [ORDER_TARGET]: order, ...bundles } = targets;
        const desired = await get(`targets/${order?.hashes.sha256}.${ORDER_TARGET}`, desiredSchema);
        const said = Object.entries(bundles).map(
          ([path, { custom }]) => [path, directorTargetCustomSchema.parse(custom)] as const,
        );
        return { version, desired, bundles: new Map(said) };
      } catch (error) {
        // A newer order took its place between two of the files.
        if (!isMissing(error) || attempt === ATTEMPTS) throw error;
      }
    }
  } finally {
    tls.close();
  }
}

/** What a device shall do now; undefined before it was told anything. */
export async function readOrder(
  controlPlane: Pick<RunningControlPlane, "deviceUrl">,
  device: Identity,
): Promise<DesiredState | undefined> {
  return (await readDirector(controlPlane, device))?.desired;
}

/**
 * Hears the hints of a device's session and reads the order after each; orders come in rising generations, each once, and one that a
 * newer one overtook may be left out.
 */
export async function followOrders(
  client: MqttClient,
  device: Identity & Pick<EnrolledDevice, "httpUrl">,
  onDesired: (desired: DesiredState) => void,
): Promise<void> {
  const topic = topicOf(device.deviceId, "nudge");
  let announced = -1;
  let told = -1;
  let reading = false;
  const read = async () => {
    if (reading) return;
    reading = true;
    // Tried again until the hint comes true: it is given after the order is there, but the control plane may just be going away.
    while (told < announced && client.connected) {
      const desired = await readOrder({ deviceUrl: device.httpUrl }, device).catch(() => undefined);
      if (desired !== undefined && desired.generation > told) {
        told = desired.generation;
        onDesired(desired);
      }
      if (told < announced) await sleep(RETRY_MS);
    }
    reading = false;
  };
  client.on("message", (of, payload) => {
    if (of !== topic || payload.byteLength === 0) return;
    announced = Math.max(announced, nudgeSchema.parse(JSON.parse(payload.toString())).generation);
    void read();
  });
  await client.subscribeAsync(topic, { qos: 1 });
}

const isMissing = (error: unknown) => error instanceof SartorError && error.code === "SRT_NOT_FOUND";

async function undefinedWhereMissing<T>(wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
