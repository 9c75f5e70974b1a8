import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BuildBench } from "../variant-builds/building.js";
import { installVariants } from "./tuning-bundles.js";
import { createLoader, orderOf, planFor, readThisMachine, tune } from "./tuning-device.js";
import { judgeExhaustively, runOff } from "./tuning-judge.js";
import { NETWORKS } from "./tuning-networks.js";
import { EXHAUSTIVE_RUNS, reportChoice } from "./tuning-report.js";

/**
 * Whether the planner and the tuner find the best way to run a network on this machine: variants, bundles, inventory, plan and tuner are the
 * real ones; the judge is an exhaustive search. Ends with 1 when something that must hold does not.
 *
 *     npm run bench:tuning -- [--only road-sign|resnet18] [--runs 662] [--seconds N]
 *
 * --runs is what each point of the search is run, --seconds the tuner's budget.
 */
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    runs: { type: "string", default: String(EXHAUSTIVE_RUNS) },
    seconds: { type: "string" },
  },
});

/** A whole number from 1 on. */
function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1 on`);
  return value;
}

async function main(): Promise<boolean> {
  const runs = count("runs", values.runs);
  const seconds = values.seconds === undefined ? undefined : count("seconds", values.seconds);
  const wanted = Object.entries(NETWORKS).filter(([name]) => values.only === undefined || name === values.only);
  if (wanted.length === 0) throw new Error(`--only must be one of ${Object.keys(NETWORKS).join(", ")}`);
  const bench = new BuildBench();
  try {
    const inventory = await readThisMachine(bench.folder);
    const { model, logicalCores } = inventory.cpu;
    process.stdout.write(`${model}, ${logicalCores} cores, ONNX Runtime ${inventory.runtime.onnxRuntimeVersion}\n`);
    let good = true;
    for (const [name, prepare] of wanted) {
      const network = await prepare(bench);
      const variants = await installVariants(network, bench);
      const plan = planFor(inventory, variants);
      process.stdout.write(`\n${name} on ${plan.deviceType}: ${plan.summary}\n`);
      const folder = join(bench.folder, `device-${name}`);
      mkdirSync(folder);
      const report = await tune(orderOf(plan, variants, seconds), variants, inventory, folder);
      if (report.verdict === null) throw new Error(report.error?.message ?? "the tuning came to no verdict");
      const judged = await judgeExhaustively(variants, createLoader(variants), logicalCores, runs);
      const headToHead = (ids: readonly [string, string]) =>
        runOff(ids, variants, createLoader(variants), { cores: logicalCores, runs });
      if (!(await reportChoice(`${name} (${network.about})`, report, judged, headToHead))) good = false;
    }
    return good;
  } finally {
    bench.remove();
  }
}

process.exit((await main()) ? 0 : 1);
