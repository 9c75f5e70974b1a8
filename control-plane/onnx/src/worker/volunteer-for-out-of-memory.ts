import { writeFile } from "node:fs/promises";

/** When memory runs out, the kernel shall end this process and not the server (Linux: proc(5), oom_score_adj). */
export async function volunteerForOutOfMemory(): Promise<void> {
  if (process.platform === "linux") await writeFile("/proc/self/oom_score_adj", "1000").catch(() => undefined);
}
