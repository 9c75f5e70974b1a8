import { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pollUntil } from "./poll.js";

const AWAY = new SartorError("SRT_DOWNLOAD_FAILED", "The control plane did not answer.");

describe("waiting for the control plane", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => void vi.useRealTimers());

  it("outlasts one that is killed and started again, and tells every answer", async () => {
    const answers = [1, AWAY, 2];
    const told: number[] = [];
    const ask = async () => {
      const answer = answers.shift();
      if (typeof answer !== "number") throw answer;
      return answer;
    };
    const isDone = (answer: number) => answer === 2;
    const last = await pollUntil(
      { what: "it", withinMs: 60_000, ask, isDone, onAnswer: (answer) => told.push(answer) },
      new AbortController().signal,
    );
    expect({ last, told }).toEqual({ last: 2, told: [1, 2] });
  });

  it("gives up on one that stays away for more than a minute", async () => {
    const ask = async () => {
      vi.setSystemTime(Date.now() + 61_000);
      throw AWAY;
    };
    const waiting = pollUntil({ what: "it", withinMs: 1e9, ask, isDone: () => true }, new AbortController().signal);
    await expect(waiting).rejects.toBe(AWAY);
  });

  it("passes any other refusal on at once, and ends when it is told to", async () => {
    const refusal = new SartorError("SRT_CONFLICT", "No.");
    const ask = () => Promise.reject(refusal);
    const refused = pollUntil({ what: "it", withinMs: 60_000, ask, isDone: () => true }, new AbortController().signal);
    await expect(refused).rejects.toBe(refusal);
    const stop = new AbortController();
    const waiting = pollUntil({ what: "it", withinMs: 60_000, ask: async () => 1, isDone: () => false }, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
  });

  it("says what it waited for in vain", async () => {
    const ask = async () => {
      vi.setSystemTime(Date.now() + 130_000);
      return 1;
    };
    const waiting = pollUntil(
      { what: "the variants", withinMs: 120_000, ask, isDone: () => false },
      new AbortController().signal,
    );
    await expect(waiting).rejects.toMatchObject({
      code: "SRT_DEPLOYMENT_TIMED_OUT",
      message: expect.stringContaining("Waited 2 minutes for the variants"),
    });
  });
});
