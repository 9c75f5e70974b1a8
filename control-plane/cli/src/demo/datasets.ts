import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DatasetPurpose } from "@sartor/shared/protocol";
import type { TailoringApi } from "../tailoring-api.js";
import type { ManagedProcess } from "./managed-process.js";
import { PROGRAMS } from "./programs.js";
import { runToEnd } from "./run-to-end.js";

/** The demo's samples: rendered signs, because photographs of signs do not come with it. */
const DATASETS: readonly { purpose: DatasetPurpose; samples: number; seed: number }[] = [
  { purpose: "evaluation", samples: 1000, seed: 2 },
  { purpose: "calibration", samples: 300, seed: 1 },
];
const DESCRIPTION =
  "Rendered by the demo's camera, not photographed: what cameras of the field see is the better sample.";

/**
 * Renders and registers the datasets that the model does not have yet.
 *
 * @returns how many were made
 */
export async function ensureDatasets(
  api: TailoringApi,
  model: string,
  folder: string,
  processes: ManagedProcess[],
  signal: AbortSignal,
): Promise<number> {
  const known = new Set((await api.datasets(model)).map(({ purpose }) => purpose));
  const missing = DATASETS.filter(({ purpose }) => !known.has(purpose));
  if (missing.length === 0) return 0;
  const temporary = join(folder, "datasets");
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  try {
    const made = await Promise.all(
      missing.map(async ({ purpose, samples, seed }) => {
        const file = join(temporary, `${purpose}.safetensors`);
        const options = ["--purpose", purpose, "--samples", String(samples), "--seed", String(seed), "--out", file];
        const program = {
          name: `rendering of the ${purpose} samples`,
          arguments: [PROGRAMS.datasets, ...options],
          environment: {},
          logFile: join(folder, "logs", `dataset-${purpose}.log`),
        };
        await runToEnd(program, processes, signal);
        return { purpose, samples, file };
      }),
    );
    for (const { purpose, samples, file } of made) {
      signal.throwIfAborted();
      const name = `${samples} rendered signs for ${purpose}`;
      await api.addDataset(model, { name, purpose, file, description: DESCRIPTION });
    }
    return made.length;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
