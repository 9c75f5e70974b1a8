import { describe, expect, it } from "vitest";
import { SystemMetricsReader } from "./system-metrics.js";
import { memoryFiles } from "./testing/memory-files.js";

describe("the system metrics of a telemetry window", () => {
  it("load is the share of busy time since the window before, waiting for the disk not counted", async () => {
    const content: Record<string, string> = { "/proc/stat": "cpu  100 0 100 700 100 0 0 0 0 0\n" };
    const reader = new SystemMetricsReader({ files: memoryFiles(content), pids: () => [] });
    expect((await reader.read()).cpuLoad).toBeUndefined();
    content["/proc/stat"] = "cpu  130 0 110 740 120 0 0 0 0 0\n";
    expect((await reader.read()).cpuLoad).toBeCloseTo(40 / 100, 10);
    expect((await reader.read()).cpuLoad).toBeUndefined();
  });

  it("memory is the proportional share of the agent and its children; a child that just ended counts nothing", async () => {
    const files = memoryFiles({
      "/proc/10/smaps_rollup":
        "55af-7ffc ---p 00000000 00:00 0 [rollup]\nRss: 9000 kB\nPss:                4000 kB\nPss_Anon: 1 kB\n",
      "/proc/11/smaps": "a\nPss:   100 kB\nb\nPss:   23 kB\n",
      "/proc/meminfo": "MemTotal: 10 kB\nMemAvailable:   7 kB\n",
    });
    expect(await new SystemMetricsReader({ files, pids: () => [10, 11, 12] }).read()).toEqual({
      agentMemoryBytes: 4123 * 1024,
      memoryAvailableBytes: 7 * 1024,
    });
  });

  it("a machine that tells nothing gives an empty report, not a failure", async () => {
    expect(await new SystemMetricsReader({ files: memoryFiles({}), pids: () => [1] }).read()).toEqual({});
  });
});
