import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { SartorError } from "@sartor/shared/errors";
import { z } from "zod";

/** Ports of one demo; kept in its state folder, since devices remember their control plane's address. */
const portsSchema = z.object({
  http: z.number().int(),
  /** HTTPS for devices; demos of the first release had none. */
  devices: z.number().int().optional(),
  mqtt: z.number().int(),
  inference: z.number().int(),
});
export type DemoPorts = Required<z.infer<typeof portsSchema>>;

const PREFERRED: DemoPorts = { http: 7300, devices: 8443, mqtt: 8883, inference: 7400 };
/** How far is searched for a free port. */
const SEARCH = 50;

/**
 * The demo's ports: those of its last run, or the preferred ones, or the next that are free.
 *
 * @param inferencePorts how many inference endpoints follow each other from `inference` on
 * @throws SartorError SRT_CONFIG_INVALID when a remembered port is taken by another program
 */
export async function choosePorts(path: string, inferencePorts: number): Promise<DemoPorts> {
  if (existsSync(path)) {
    const known = portsSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    const ports = { ...known, devices: known.devices ?? (await firstFree(PREFERRED.devices, 1)) };
    const endpoints = Array.from(
      { length: inferencePorts },
      (_, index) => ["inference", ports.inference + index] as const,
    );
    const fixed = [["http", ports.http] as const, ["devices", ports.devices] as const, ["mqtt", ports.mqtt] as const];
    for (const [name, port] of [...fixed, ...endpoints]) {
      if (!(await isFree(port))) {
        throw new SartorError(
          "SRT_CONFIG_INVALID",
          `Port ${port} (${name}) is taken by another program, and the devices of this state folder know it. Stop that program, or delete the state folder.`,
        );
      }
    }
    writeFileSync(path, JSON.stringify(ports));
    return ports;
  }
  const ports = {
    http: await firstFree(PREFERRED.http, 1),
    devices: await firstFree(PREFERRED.devices, 1),
    mqtt: await firstFree(PREFERRED.mqtt, 1),
    inference: await firstFree(PREFERRED.inference, inferencePorts),
  };
  writeFileSync(path, JSON.stringify(ports));
  return ports;
}

async function firstFree(from: number, count: number): Promise<number> {
  for (let port = from; port < from + SEARCH * count; port += count) {
    let free = true;
    for (let offset = 0; offset < count && free; offset += 1) free = await isFree(port + offset);
    if (free) return port;
  }
  throw new SartorError("SRT_CONFIG_INVALID", `No free port was found from ${from} on.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
