import { describe, expect, it, vi } from "vitest";
import { type JobProgress, progressLine, watchJob } from "./watch.js";

/** Plays a job's progress to the watcher, without waiting. */
async function watched(steps: readonly (JobProgress | undefined)[], isTTY: boolean): Promise<string> {
  vi.useFakeTimers();
  let written = "";
  let index = 0;
  const write = (text: string): boolean => {
    written += text;
    return true;
  };
  const output = { isTTY, write };
  const ended = watchJob(
    async () => steps[index++],
    (step) => step,
    output,
  );
  await vi.runAllTimersAsync();
  await ended;
  vi.useRealTimers();
  return written;
}

describe("a watched job", () => {
  it("is told as a bar, percent, step and time left", () => {
    expect(progressLine({ percent: 45, step: "int8-u8s8: calibrating", remainingMs: 40_000 })).toBe(
      "[#########           ]  45 %  int8-u8s8: calibrating, 40 s left",
    );
    expect(progressLine({ percent: null, step: "waiting", remainingMs: null })).toBe(
      "[                    ]   - %  waiting",
    );
  });

  it("writes a line to a file only when there is something new", async () => {
    const step = { step: "calibrating", remainingMs: null };
    const text = await watched(
      [{ percent: 1, ...step }, { percent: 2, ...step }, { percent: 31, ...step }, undefined],
      false,
    );
    expect(text.trim().split("\n")).toHaveLength(2);
  });

  it("rewrites one line on a terminal and leaves none", async () => {
    const text = await watched([{ percent: 1, step: "calibrating", remainingMs: null }, undefined], true);
    expect(text).not.toContain("\n");
    expect(text.endsWith("\r\u001b[K")).toBe(true);
  });
});
