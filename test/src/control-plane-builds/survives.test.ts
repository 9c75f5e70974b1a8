import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VariantBuildView } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { waitFor } from "../support/wait-for.js";
import { childrenOf, digests, ended, order, runs, viewOf } from "./building.js";
import { prepare } from "./samples.js";

const REQUEST = { variants: ["fp16", "int8-u8s8", "int8-s8s8"] } as const;

describe("a build goes on", () => {
  let stateDir: string;
  let controlPlane: RunningControlPlane;
  let undisturbed: Record<string, string>;
  const start = () => startControlPlane({ stateDir, process: true });

  /** Orders a build and waits until its first variant is made and the next one is under way. */
  async function halfway(request: Parameters<typeof order>[1]): Promise<VariantBuildView> {
    const { buildId } = (await order(controlPlane, request)).body;
    return waitFor("a build half done", async () => {
      const build = await viewOf(controlPlane, buildId);
      expect(build.finishedAt).toBeNull();
      const is = (status: string) => build.variants.some((step) => step.status === status);
      return is("succeeded") && is("in_progress") && build;
    });
  }

  beforeAll(async () => {
    const quiet = await startControlPlane({ process: true });
    await prepare(quiet);
    const { status } = await ended(
      quiet,
      (await order(quiet, { ...REQUEST, variants: [...REQUEST.variants] })).body.buildId,
    );
    expect(status).toBe("succeeded");
    undisturbed = await digests(quiet);
    await quiet.stop();
    stateDir = await mkdtemp(join(tmpdir(), "sartor-builds-"));
    controlPlane = await start();
    await prepare(controlPlane);
  });
  afterAll(async () => {
    await controlPlane.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  it("after the control plane was killed, with the variants that were not made yet, to the very same result", async () => {
    const before = await halfway({ variants: [...REQUEST.variants] });
    const workers = await childrenOf(controlPlane.pid);
    expect(workers.length).toBeGreaterThan(0);
    await controlPlane.kill();
    // Workers without a parent end by themselves.
    await waitFor("the workers to end", async () => !(await Promise.all(workers.map(runs))).includes(true));
    controlPlane = await start();
    const after = await ended(controlPlane, before.buildId);
    expect(after.status).toBe("succeeded");
    expect(after.startedAt).toBe(before.startedAt);
    const made = before.variants.filter(({ status }) => status === "succeeded");
    expect(after.variants).toEqual(expect.arrayContaining(made));
    expect(await digests(controlPlane)).toEqual(undisturbed);
  });

  it("after an orderly stop, which ends the worker at once", async () => {
    const before = await halfway({ variants: [...REQUEST.variants], equalise: false });
    const workers = await childrenOf(controlPlane.pid);
    await controlPlane.stop();
    expect((await Promise.all(workers.map(runs))).includes(true)).toBe(false);
    controlPlane = await start();
    expect((await ended(controlPlane, before.buildId)).status).toBe("succeeded");
  });

  it("unless it needs more memory than it may take: then it says so, and the server lives", async () => {
    await controlPlane.stop();
    controlPlane = await startControlPlane({ stateDir, process: true, env: { SARTOR_BUILD_MEMORY_BYTES: "33554432" } });
    const offered = await digests(controlPlane);
    const { buildId } = (await order(controlPlane, { variants: ["int4-weight-only"] })).body;
    const { status, error, variants } = await ended(controlPlane, buildId);
    expect([status, error?.code]).toEqual(["failed", "SRT_BUILD_MEMORY"]);
    expect(variants).toMatchObject([{ status: "failed", error: { code: "SRT_BUILD_MEMORY" } }]);
    expect(await digests(controlPlane)).toEqual(offered);
    await controlPlane.stop();
    controlPlane = await start();
  });

  it("after its worker was killed; a worker that dies thrice over one variant costs that variant only", async () => {
    const { buildId } = (await order(controlPlane, { variants: ["int8-u8s8", "fp16"], accuracy: { maximumLoss: 0.5 } }))
      .body;
    const killed = new Set<number>();
    const build = await ended(controlPlane, buildId, async ({ variants }) => {
      if (killed.size === 3 || variants[0]?.status !== "in_progress") return;
      for (const pid of await childrenOf(controlPlane.pid)) {
        if (killed.has(pid)) continue;
        process.kill(pid, "SIGKILL");
        killed.add(pid);
        await waitFor("the worker to end", async () => !(await runs(pid)));
      }
    });
    expect(killed.size).toBe(3);
    expect(build).toMatchObject({
      status: "failed",
      error: { code: "SRT_BUILD_CRASHED" },
      variants: [
        { name: "int8-u8s8", status: "failed", error: { code: "SRT_BUILD_CRASHED" } },
        { name: "fp16", status: "succeeded", error: null },
      ],
    });
  });
});
