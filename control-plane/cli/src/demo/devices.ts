import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type FirmwareProfile, loadProfiles } from "@sartor/firmware-profiles";
import { enrolmentTokenReplySchema } from "@sartor/shared/protocol";
import { z } from "zod";
import type { ApiClient } from "../api-client.js";
import { ManagedProcess } from "./managed-process.js";
import { PROGRAMS } from "./programs.js";

/** One device of the demo: this machine, or an emulated one. */
export interface DemoDevice {
  readonly name: string;
  readonly folder: string;
  readonly inferencePort: number;
  readonly profile: FirmwareProfile | undefined;
}

/** This machine first, then emulated devices that take turns through the firmware profiles. */
export function planDevices(stateFolder: string, emulated: number, firstPort: number): DemoDevice[] {
  const profiles = emulated > 0 ? loadProfiles() : [];
  const devices: DemoDevice[] = [
    {
      name: hostname(),
      folder: join(stateFolder, "agents", "this-machine"),
      inferencePort: firstPort,
      profile: undefined,
    },
  ];
  for (let index = 0; index < emulated; index += 1) {
    const profile = profiles[index % profiles.length];
    const name = `emulated-${index + 1}-${profile?.id}`;
    devices.push({ name, folder: join(stateFolder, "agents", name), inferencePort: firstPort + 1 + index, profile });
  }
  return devices;
}

const identitySchema = z.object({ deviceId: z.string() });

/** The id that a device was given; undefined before it is enrolled. */
export function deviceIdOf(device: DemoDevice): string | undefined {
  return readDeviceId(join(device.folder, "identity", "current", "identity.json"));
}

function readDeviceId(path: string): string | undefined {
  return existsSync(path) ? identitySchema.parse(JSON.parse(readFileSync(path, "utf8"))).deviceId : undefined;
}

/** Starts a device's agent, with a fresh one-time token when it is not enrolled yet. */
export async function startAgent(
  device: DemoDevice,
  api: ApiClient,
  controlPlaneUrl: string,
  onExit: (device: DemoDevice, what: string) => void,
): Promise<ManagedProcess> {
  mkdirSync(device.folder, { recursive: true, mode: 0o700 });
  const environment: Record<string, string> = {
    SARTOR_AGENT_STATE_DIR: device.folder,
    SARTOR_CONTROL_PLANE_URL: controlPlaneUrl,
    SARTOR_DEVICE_NAME: device.name,
    SARTOR_INFERENCE_PORT: String(device.inferencePort),
    SARTOR_NODE: process.execPath,
  };
  if (deviceIdOf(device) === undefined) {
    // A device of the first release has a shared secret, which is not accepted any more: it keeps its name and gets a certificate.
    const replaces = readDeviceId(join(device.folder, "identity.json"));
    const request = {
      lifetimeSeconds: 3600,
      note: `demo: ${device.name}`,
      ...(replaces === undefined ? {} : { replaces }),
    };
    environment.SARTOR_ENROLMENT_TOKEN = (
      await api.post("/api/v1/enrolment-tokens", request, enrolmentTokenReplySchema)
    ).token;
  }
  if (device.profile !== undefined) {
    const path = join(device.folder, "emulated-inventory.json");
    writeFileSync(
      path,
      JSON.stringify({ ...device.profile.referenceInventory, emulatedProfile: device.profile.id }, null, 2),
    );
    environment.SARTOR_EMULATED_INVENTORY = path;
  }
  return new ManagedProcess({
    name: `agent ${device.name}`,
    program: PROGRAMS.agent,
    arguments: [],
    environment,
    logFile: join(device.folder, "agent.log"),
    restart: true,
    onExit: (what) => onExit(device, what),
  });
}
