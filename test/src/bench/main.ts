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
// Only now: what this process loads is shared with the agent's child, and would make its memory look smaller.
const { benchInference } = await import("./inference.js");
printTable("Inference: ms a request, one client", ["what", "p50", "p95", "against", "ratio"], await benchInference());
process.exit(0);
