import { readdir, readFile } from "node:fs/promises";
import type { ErrorReply, ModelVersionView, VariantBuildRequest, VariantBuildView } from "@sartor/shared/protocol";
import type { RunningControlPlane } from "../support/control-plane.js";
import { type RestReply, rest } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";

export const VERSION = "/api/v1/models/tiny/versions/1.0.0";

/** Orders a build of the version. */
export function order(
  controlPlane: RunningControlPlane,
  request: VariantBuildRequest = {},
  version = VERSION,
): Promise<RestReply<VariantBuildView & ErrorReply>> {
  return rest(controlPlane, "POST", `${version}/builds`, request);
}

export async function viewOf(controlPlane: RunningControlPlane, buildId: string): Promise<VariantBuildView> {
  return (await rest<VariantBuildView>(controlPlane, "GET", `/api/v1/builds/${buildId}`)).body;
}

/** Waits for the end of a build; `meanwhile` sees every state on the way. */
export function ended(
  controlPlane: RunningControlPlane,
  buildId: string,
  meanwhile: (build: VariantBuildView) => void | Promise<void> = () => undefined,
): Promise<VariantBuildView> {
  return waitFor(`the end of build ${buildId}`, async () => {
    const build = await viewOf(controlPlane, buildId);
    await meanwhile(build);
    return build.finishedAt !== null && build;
  });
}

export async function version(controlPlane: RunningControlPlane, path = VERSION): Promise<ModelVersionView> {
  return (await rest<ModelVersionView>(controlPlane, "GET", path)).body;
}

/** Digest of each variant that is offered, by its name. */
export async function digests(controlPlane: RunningControlPlane): Promise<Record<string, string>> {
  return Object.fromEntries((await version(controlPlane)).variants.map(({ name, digest }) => [name, digest]));
}

/** Child processes of a process (Linux: proc(5)). */
export async function childrenOf(pid: number | undefined): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
}

/** Whether a process runs still; one that ended and waits for its parent does not. */
export async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}
