import { benchInference } from "./inference.js";
import { benchMemory } from "./memory.js";
import { printTable } from "./table.js";

/**
 * Speed and memory, each beside a named alternative measured in the same run. Times on a shared machine are noisy: read the ratios.
 *
 *     npm run bench
 */
printTable(
  "Memory: proportional set size (PSS), MB",
  ["what", "PSS", "anonymous", "against", "ratio"],
  await benchMemory(),
);
printTable(
  "Inference: median ms a request, one client",
  ["what", "p50", "p95", "against", "ratio"],
  await benchInference(),
);
process.exit(0);
