import { createHash } from "node:crypto";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensorFrom, writeSafetensors } from "@sartor/shared/domain/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeltaFile } from "./delta-job.js";
import { runDeltaJob } from "./run-delta-job.js";

const weights = (seed: number, changed = 0) =>
  Float32Array.from({ length: 20_000 }, (_, index) => Math.sin(index * 12.9898 + (index < changed ? 1 : 0) + seed));
const network = (values: Float32Array) => writeSafetensors([tensorFrom("dense", "FP32", [values.length], values)]);

describe("making one difference", () => {
  let folder: string;
  let outputPath: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-delta-job-"));
    outputPath = join(folder, "out");
  });
  afterAll(() => rm(folder, { recursive: true }));

  const file = async (name: string, bytes: Uint8Array, digestOf = bytes): Promise<DeltaFile> => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    const digest = `sha256:${createHash("sha256").update(digestOf).digest("hex")}`;
    return { path, digest, bytes: bytes.length };
  };

  it("gives a small file that was applied once already", async () => {
    const target = await file("now", network(weights(0, 200)));
    const bases = [await file("old", network(weights(0))), await file("other", network(weights(5)))];
    const outcome = await runDeltaJob({ target, bases, outputPath, mostBytes: 10_000 });
    expect(outcome).toEqual({ kind: "made", bytes: (await stat(outputPath)).size });
    expect((await stat(outputPath)).size).toBeLessThan(2_000);
  });

  it("ends early where it is not worth it", async () => {
    const target = await file("now", network(weights(3)));
    const bases = [await file("old", network(weights(0)))];
    expect(await runDeltaJob({ target, bases, outputPath, mostBytes: 60_000 })).toEqual({ kind: "not_worth_it" });
  });

  it("offers nothing that is made of damaged files", async () => {
    const old = network(weights(0));
    const now = network(weights(0, 200));
    const damaged = old.slice();
    damaged[damaged.length - 1] = 77;
    const right = { target: await file("now", now), bases: [await file("old", old)] };
    const job = { ...right, outputPath, mostBytes: 10_000 };
    const wrongBase = { ...job, bases: [await file("damaged", damaged, old)] };
    await expect(runDeltaJob(wrongBase)).rejects.toMatchObject({ code: "SRT_DELTA_INVALID" });
    const wrongTarget = { ...job, target: await file("wrong", damaged, now) };
    await expect(runDeltaJob(wrongTarget)).rejects.toMatchObject({ code: "SRT_DELTA_INVALID" });
    const short = { ...job, target: { ...job.target, bytes: job.target.bytes + 1 } };
    await expect(runDeltaJob(short)).rejects.toMatchObject({ code: "SRT_DELTA_INVALID" });
  });
});
