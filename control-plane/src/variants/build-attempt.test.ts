import { variantBuildRequestSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { BuildAttempt } from "./build-attempt.service.js";
import type { BuildsRepository } from "./builds.repository.js";
import type { StoredBuild } from "./stored-build.js";

const away = Object.assign(new Error("terminating connection"), { code: "57P01" });
const context = { signal: new AbortController().signal, progress: () => undefined };

/** A build whose one step is there already, as soon as `failures` of looking it up have passed. */
function attempting(failures: number): { attempt: BuildAttempt; build: StoredBuild } {
  const order = { ...variantBuildRequestSchema.parse({}), variants: ["fp16" as const] };
  const step = { name: "fp16", status: "in_progress", variantId: null, error: null } as const;
  const dates = { createdAt: 1, startedAt: 1, finishedAt: null };
  const build = { buildId: "B", versionId: "V", calibration: null, evaluation: null, error: null, order, ...dates };
  let stored: StoredBuild = { ...build, status: "in_progress", steps: [step], attempts: 0 };
  const change = (by: Partial<StoredBuild>) => {
    stored = { ...stored, ...by };
  };
  const builds: Partial<BuildsRepository> = {
    begin: async () => {
      change({ attempts: stored.attempts + 1 });
      return stored;
    },
    forgive: async () => change({ attempts: stored.attempts - 1 }),
    find: async () => stored,
    endStep: async (_, name, end) => {
      change({ steps: [{ name, variantId: null, error: null, ...end }] });
      return true;
    },
    end: async (_, end) => {
      change(end);
      return true;
    },
  };
  let left = failures;
  const variants = {
    findSame: async () => {
      if (left-- > 0) throw away;
      return "variant";
    },
  };
  const [settings, clock, events, store] = [
    { stateDir: "/" },
    { now: () => 2 },
    {},
    { announce: async () => undefined },
  ];
  const parts = [settings, builds, variants, store, {}, {}, events, clock];
  const attempt = new BuildAttempt(...(parts as unknown as ConstructorParameters<typeof BuildAttempt>));
  return {
    attempt,
    get build() {
      return stored;
    },
  };
}

describe("a build whose database goes away", () => {
  it("goes on when it is back, however often: that is no crash of what it makes", async () => {
    const told = attempting(7);
    for (let time = 0; time < 7; time++) await expect(told.attempt.run("B", context)).rejects.toBe(away);
    await told.attempt.run("B", context);
    expect(told.build).toMatchObject({ status: "succeeded", steps: [{ status: "succeeded", variantId: "variant" }] });
  });
});
