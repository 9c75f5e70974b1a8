import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DeviceDetail } from "@sartor/shared/protocol";
import { type AgentProcess, startAgentProcess } from "../support/agent-process.js";
import { freePort } from "../support/control-plane-process.js";
import { type Fleet, startFleet } from "../support/fleet.js";
import { waitFor } from "../support/wait-for.js";

/** A device at the site besides the first one, which caches. */
export interface Neighbour {
  readonly deviceId: string;
  agent: AgentProcess;
  /** What its log says, from its first start on. */
  log(): string;
  restart(more: Record<string, string>): Promise<void>;
}

/** A fleet of one site: its first device caches for the others. All lines to the control plane go through the same proxy. */
export interface SiteFleet {
  readonly fleet: Fleet;
  readonly cacheUrl: string;
  readonly neighbours: Neighbour[];
  readonly deviceIds: string[];
  /** Enrols one more device. */
  add(name: string, environment: Record<string, string>): Promise<Neighbour>;
  device(deviceId: string): Promise<DeviceDetail>;
  /** Waits until all these devices serve a version, by the control plane's knowledge. */
  serving(version: string, deviceIds?: readonly string[], model?: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a control plane, a device that caches, and so many that have it as their neighbour. */
export async function startSite(neighbours: number, options: { withCache?: boolean } = {}): Promise<SiteFleet> {
  const port = String(await freePort());
  const cacheUrl = `https://127.0.0.1:${port}`;
  const withCache = options.withCache ?? true;
  const fleet = await startFleet(
    withCache ? { SARTOR_SITE_CACHE_PORT: port, SARTOR_SITE_CACHE_HOST: "127.0.0.1" } : {},
  );
  const site: SiteFleet = {
    fleet,
    cacheUrl,
    neighbours: [],
    deviceIds: [fleet.deviceId],
    async add(name, environment) {
      const { token } = await fleet.controlPlane.api<{ token: string }>("POST", "/api/v1/enrolment-tokens", {});
      const folder = join(fleet.folder, name);
      const base = {
        SARTOR_CONTROL_PLANE_URL: `https://127.0.0.1:${fleet.httpLine.port}`,
        SARTOR_ENROLMENT_TOKEN: token,
        SARTOR_DEVICE_NAME: name,
      };
      const agent = await startAgentProcess(folder, { ...base, ...environment });
      const deviceId = await waitFor(`${name} to enrol`, () => agent.deviceId());
      const neighbour: Neighbour = {
        deviceId,
        agent,
        log: () => readFileSync(agent.logFile, "utf8"),
        async restart(more) {
          await neighbour.agent.stop();
          neighbour.agent = await startAgentProcess(folder, { ...base, ...more });
        },
      };
      site.neighbours.push(neighbour);
      site.deviceIds.push(deviceId);
      return neighbour;
    },
    device: (deviceId) => fleet.controlPlane.api<DeviceDetail>("GET", `/api/v1/devices/${deviceId}`),
    serving: (version, deviceIds = site.deviceIds, model = "tiny") =>
      waitFor(
        `all to serve ${version}`,
        async () => {
          const all = await Promise.all(deviceIds.map((deviceId) => site.device(deviceId)));
          return (
            all.every(
              ({ reported }) =>
                reported?.serving?.state === "ready" &&
                reported.serving.version === version &&
                reported.serving.model === model &&
                reported.deployment?.status !== "in_progress",
            ) || undefined
          );
        },
        90_000,
      ).then(() => undefined),
    async stop() {
      for (const { agent } of site.neighbours) await agent.stop();
      await fleet.stop();
    },
  };
  for (let index = 0; index < neighbours; index++)
    await site.add(`neighbour-${index + 1}`, withCache ? { SARTOR_SITE_CACHES: cacheUrl } : {});
  return site;
}
