import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { RunCommand } from "../platform/index.js";

/** What the short child process found: systeminformation's view of the machine, and ONNX Runtime's providers. */
const hostFactsSchema = z.object({
  manufacturer: z.string().max(1024).optional(),
  model: z.string().max(1024).optional(),
  serial: z.string().max(1024).optional(),
  /** Hypervisor, where this is a virtual machine: "KVM", "VMware" ... */
  virtualHost: z.string().max(256).optional(),
  graphics: z
    .array(
      z.object({
        vendor: z.string().max(1024),
        model: z.string().max(1024),
        busAddress: z.string().max(64),
        memoryMegabytes: z.number().nonnegative().optional(),
        driverVersion: z.string().max(256).optional(),
      }),
    )
    .max(32),
});
export type HostFacts = z.infer<typeof hostFactsSchema>;

const providersSchema = z.array(z.object({ name: z.string().max(256), bundled: z.boolean() })).max(32);
export type ExecutionProviders = z.infer<typeof providersSchema>;

/**
 * The child is a program of its own because both libraries cost memory that the daemon must not hold for good:
 * systeminformation 8 to 11 MB and ONNX Runtime 7 MB of PSS (36 MB of RSS), while an idle agent has 90 MB.
 */
const CHILD = fileURLToPath(
  new URL(`./host-probe-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);
const TIMEOUT_MS = 20_000;

/** Why a probe gave nothing; told to the log, never fatal: the rest of the inventory stands. */
export type ProbeAnswer<T> = { readonly found: T } | { readonly problem: string };

async function runChild<T>(run: RunCommand, what: string, schema: z.ZodType<T>): Promise<ProbeAnswer<T>> {
  const result = await run(process.execPath, [CHILD, what], { timeoutMs: TIMEOUT_MS });
  if (result.status !== "ok")
    return { problem: `the ${what} probe ended with ${result.status}: ${result.stderr.slice(0, 512)}` };
  try {
    const parsed = schema.safeParse(JSON.parse(result.stdout));
    return parsed.success
      ? { found: parsed.data }
      : { problem: `the ${what} probe answered something else than expected` };
  } catch {
    return { problem: `the ${what} probe did not answer JSON` };
  }
}

/** Asks systeminformation, in a child process, for baseboard, virtualisation and graphics of this machine. */
export const probeHost = (run: RunCommand): Promise<ProbeAnswer<HostFacts>> => runChild(run, "system", hostFactsSchema);

/** Asks ONNX Runtime, in a child process, which execution providers it was built with. */
export const probeProviders = (run: RunCommand): Promise<ProbeAnswer<ExecutionProviders>> =>
  runChild(run, "providers", providersSchema);
