import { describe, expect, it } from "vitest";
import { mergeLive } from "./merge-live.js";

interface Job {
  readonly id: string;
  readonly status: string;
}

const rules = { keyOf: (job: Job) => job.id, isEnded: (job: Job) => job.status === "succeeded" };
const live = (...jobs: Job[]) => new Map(jobs.map((job) => [job.id, job]));

describe("a list that live events keep current", () => {
  it("moves on with events and gains what is new", () => {
    const merged = mergeLive(
      [{ id: "a", status: "queued" }],
      live({ id: "a", status: "in_progress" }, { id: "b", status: "queued" }),
      rules,
    );
    expect(merged).toEqual([
      { id: "a", status: "in_progress" },
      { id: "b", status: "queued" },
    ]);
  });

  it("is not set back by an event from before the read: what has ended stays ended", () => {
    const merged = mergeLive([{ id: "a", status: "succeeded" }], live({ id: "a", status: "in_progress" }), rules);
    expect(merged).toEqual([{ id: "a", status: "succeeded" }]);
  });
});
