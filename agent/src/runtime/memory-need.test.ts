import { describe, expect, it } from "vitest";
import type { SystemFiles } from "../platform/index.js";
import { makeBundle } from "../testing/make-bundle.js";
import { readAvailableMemory } from "./available-memory.js";
import { CandidateProcesses } from "./candidate-processes.js";
import { estimateMemoryNeed, requireMemory } from "./memory-need.js";

const MIB = 1024 * 1024;

const filesOf = (content: Readonly<Record<string, string>>): SystemFiles => ({
  readText: async (path) => content[path],
  readBytes: async (path) => (content[path] === undefined ? undefined : Buffer.from(content[path])),
  list: async () => [],
});
const meminfo = (mebibytes: number) => ({
  "/proc/meminfo": `MemTotal:  9999999 kB\nMemAvailable:   ${mebibytes * 1024} kB\n`,
});
const available = async (content: Readonly<Record<string, string>>) => {
  const bytes = await readAvailableMemory(filesOf(content));
  return bytes === undefined ? undefined : bytes / MIB;
};

describe("the memory that a candidate may take", () => {
  it("is what the kernel says is available, where nothing else limits the agent", async () => {
    expect(await available(meminfo(700))).toBe(700);
    const unlimited = {
      "/proc/self/cgroup": "0::/system.slice/sartor-agent.service\n",
      "/sys/fs/cgroup/system.slice/sartor-agent.service/memory.max": "max\n",
      "/sys/fs/cgroup/system.slice/sartor-agent.service/memory.current": `${80 * MIB}\n`,
    };
    expect(await available({ ...meminfo(700), ...unlimited })).toBe(700);
  });

  it("is what the tightest control group around the agent leaves, page cache that it may drop included", async () => {
    const service = "/sys/fs/cgroup/system.slice/sartor-agent.service";
    const limited = {
      ...meminfo(700),
      "/proc/self/cgroup": "0::/system.slice/sartor-agent.service\n",
      [`${service}/memory.max`]: `${512 * MIB}\n`,
      [`${service}/memory.high`]: "max\n",
      [`${service}/memory.current`]: `${300 * MIB}\n`,
      [`${service}/memory.stat`]: `anon ${200 * MIB}\nactive_file 0\ninactive_file ${40 * MIB}\n`,
    };
    expect(await available(limited)).toBe(252);
    expect(await available({ ...limited, [`${service}/memory.high`]: `${400 * MIB}\n` })).toBe(140);
    const above = {
      "/sys/fs/cgroup/system.slice/memory.max": `${1000 * MIB}\n`,
      "/sys/fs/cgroup/system.slice/memory.current": `${990 * MIB}\n`,
    };
    expect(await available({ ...limited, ...above })).toBe(10);
    expect(await available({ ...limited, [`${service}/memory.current`]: `${600 * MIB}\n` })).toBe(0);
  });

  it("is the container's own where the process sees its group under the host's name", async () => {
    const inside = {
      ...meminfo(700),
      "/proc/self/cgroup": "0::/docker/0123456789ab\n",
      "/sys/fs/cgroup/memory.max": `${256 * MIB}\n`,
      "/sys/fs/cgroup/memory.current": `${56 * MIB}\n`,
    };
    expect(await available(inside)).toBe(200);
    expect(await available({ ...inside, "/proc/self/cgroup": "0::/../../x\n" })).toBe(200);
  });

  it("is known on kernels with the first version of control groups too, where no limit is a huge number", async () => {
    const group = "/sys/fs/cgroup/memory/agent";
    const legacy = {
      ...meminfo(700),
      "/proc/self/cgroup": "9:name=systemd:/\n4:memory:/agent\n0::/\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": `${3000 * MIB}\n`,
      [`${group}/memory.limit_in_bytes`]: `${300 * MIB}\n`,
      [`${group}/memory.usage_in_bytes`]: `${100 * MIB}\n`,
      [`${group}/memory.stat`]: `total_inactive_file ${30 * MIB}\n`,
    };
    expect(await available(legacy)).toBe(230);
  });

  it("is unknown on a system that does not tell", async () => {
    expect(await available({})).toBeUndefined();
  });
});

describe("a candidate", () => {
  it("is let in with the memory it takes and a spare, and refused below, in words that say how much was free and needed", () => {
    const files = 10 * MIB;
    const enough = estimateMemoryNeed(files) + 64 * MIB;
    expect(() => requireMemory(files, enough)).not.toThrow();
    expect(() => requireMemory(files, undefined)).not.toThrow();
    expect(() => requireMemory(files, enough - 1)).toThrow(
      expect.objectContaining({
        code: "SRT_TUNING_MEMORY",
        message: expect.stringMatching(/needs about 104 MiB, 64 MiB stay free .* 168 MiB are available/),
      }),
    );
  });

  it("needs more than was measured, of a small network and of a large one", () => {
    // Peaks of a child that loads fp32 and runs its golden vectors, by the size of the bundle's files.
    for (const [files, peak] of [
      [0.09, 52.1],
      [2.73, 62.8],
      [49.2, 215.7],
    ] as const) {
      expect(estimateMemoryNeed(files * MIB) / MIB).toBeGreaterThan(peak);
      expect(estimateMemoryNeed(files * MIB) / MIB).toBeLessThan(1.3 * peak);
    }
  });

  it("for which there is too little memory is refused before any process is started for it", async () => {
    const { bundleId, manifest } = makeBundle(1);
    const located: string[] = [];
    const processes = new CandidateProcesses({
      // A folder that is not there: whatever tried to load it would say so.
      locate: (id) => {
        located.push(id);
        return { folder: "/nonexistent", manifest };
      },
      availableMemory: async () => 100 * MIB,
    });
    const opening = processes.open({ bundle: { bundleId }, runtime: manifest.runtime }, new AbortController().signal);
    await expect(opening).rejects.toMatchObject({ code: "SRT_TUNING_MEMORY" });
    expect(located).toEqual([bundleId]);
    expect(processes.pids()).toEqual([]);
  });
});
