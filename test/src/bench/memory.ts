import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFleet } from "../support/fleet.js";
import { roadSignModel } from "../support/road-sign-model.js";

const SETTLE_MS = 20_000;
const MEGABYTE = 1024;

interface Memory {
  readonly pss: number;
  readonly anonymous: number;
}

/** Sum over a process and its children, MB. */
function memoryOf(pids: readonly number[]): Memory {
  const sum = { pss: 0, anonymous: 0 };
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    sum.pss += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / MEGABYTE;
    sum.anonymous += Number(/^Pss_Anon:\s+(\d+)/m.exec(text)?.[1] ?? 0) / MEGABYTE;
  }
  return sum;
}

function withChildren(pid: number): number[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(pid);
      } catch {
        return false;
      }
    })
    .map(Number);
  return [pid, ...children.flatMap(withChildren)];
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A Node that does nothing, from its own copy of the program so that it shares no page with another process. */
async function bareNode(node: string): Promise<Memory> {
  const child = spawn(node, ["-e", "setInterval(() => {}, 1e9)"], { stdio: "ignore" });
  await sleep(3_000);
  const memory = memoryOf([child.pid ?? 0]);
  child.kill();
  return memory;
}

/**
 * The agent's memory, idle and with the road-sign model, against a Node that does nothing. The agent runs from a copy of Node's
 * program: PSS then counts each page as on a device where no other Node runs.
 */
export async function benchMemory(): Promise<string[][]> {
  const folder = mkdtempSync(join(tmpdir(), "sartor-bench-"));
  const node = join(folder, "node");
  copyFileSync(realpathSync(process.execPath), node);
  const bare = await bareNode(node);
  const fleet = await startFleet({ SARTOR_NODE: node });
  try {
    await sleep(SETTLE_MS);
    const idle = memoryOf(withChildren(fleet.agent.pid));
    const model = roadSignModel();
    await fleet.register(model);
    await fleet.rollOut("road-sign", model.manifest.version);
    const endpoint = await fleet.serving(model.manifest.version);
    const image = model.image;
    for (let request = 0; request < 200; request += 1) {
      const reply = await fetch(`${endpoint}/v2/models/road-sign/classify`, {
        method: "POST",
        headers: { "content-type": "image/png" },
        body: image,
      });
      await reply.arrayBuffer();
    }
    await sleep(SETTLE_MS);
    const serving = memoryOf(withChildren(fleet.agent.pid));
    const row = (what: string, memory: Memory) => [
      what,
      memory.pss.toFixed(1),
      memory.anonymous.toFixed(1),
      "bare Node",
      (memory.pss / bare.pss).toFixed(2),
    ];
    return [
      row("bare Node", bare),
      row("agent, connected, no model", idle),
      row("agent with the road-sign model, after 200 images", serving),
    ];
  } finally {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
