import type { Accelerator } from "@sartor/shared/protocol";
import type { RunCommand } from "../platform/index.js";
import { defined, numberFrom, shortText } from "./text.js";

const TIMEOUT_MS = 8_000;
const FIELDS = ["name", "compute_cap", "memory.total", "driver_version"] as const;

/** nvidia-smi writes `[N/A]`, `[Not Supported]` or `[Unknown Error]` for what it cannot tell. */
const known = (value: string | undefined): string | undefined => {
  const text = shortText(value);
  return text === undefined || /^\[.*\]$|^n\/a$/i.test(text) ? undefined : text;
};

/**
 * Reads the output of `nvidia-smi --query-gpu=... --format=csv,noheader,nounits`, one GPU a line.
 * Names hold no comma; memory is in MiB (nvidia-smi(1)).
 */
export function parseNvidiaSmi(output: string, fields: readonly string[] = FIELDS): Accelerator[] {
  return output
    .split("\n")
    .slice(0, 32)
    .flatMap((line) => {
      const values = line.split(",").map((value) => known(value));
      const value = (field: string) => values[fields.indexOf(field)];
      const model = value("name");
      if (model === undefined || values.length !== fields.length) return [];
      const capability = fields.includes("compute_cap") ? value("compute_cap") : undefined;
      const mebibytes = numberFrom(value("memory.total"));
      return [
        defined({
          kind: "gpu" as const,
          vendor: "nvidia" as const,
          model: /nvidia/i.test(model) ? model : `NVIDIA ${model}`,
          computeCapability: capability !== undefined && /^\d{1,2}\.\d$/.test(capability) ? capability : undefined,
          memoryBytes: mebibytes === undefined ? undefined : mebibytes * 1024 * 1024,
          driverVersion: value("driver_version"),
          sharedMemory: false,
        }) as Accelerator,
      ];
    });
}

const query = (run: RunCommand, fields: readonly string[]) =>
  run("nvidia-smi", [`--query-gpu=${fields.join(",")}`, "--format=csv,noheader,nounits"], { timeoutMs: TIMEOUT_MS });

/**
 * NVIDIA's discrete GPUs. Drivers before 510 do not know `compute_cap` and refuse the whole query, so it is asked again without.
 * A hanging driver costs the time-out and no more; a machine without nvidia-smi has none.
 */
export async function readNvidiaGpus(run: RunCommand): Promise<Accelerator[]> {
  const result = await query(run, FIELDS);
  if (result.status === "ok") return parseNvidiaSmi(result.stdout);
  if (result.status !== "failed" || !/compute_cap/.test(result.stdout + result.stderr)) return [];
  const fields = FIELDS.filter((field) => field !== "compute_cap");
  const second = await query(run, fields);
  return second.status === "ok" ? parseNvidiaSmi(second.stdout, fields) : [];
}
