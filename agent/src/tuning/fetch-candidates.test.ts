import { SartorError } from "@sartor/shared/errors";
import { expect, it } from "vitest";
import { fetchCandidates } from "./fetch-candidates.js";
import { makeCandidate, QUIET } from "./testing/orders.js";
import { VirtualClock } from "./testing/virtual-clock.js";

const signal = new AbortController().signal;

function prepare(fetch: (bundleId: string, attempt: number, clock: VirtualClock) => SartorError | undefined) {
  const clock = new VirtualClock();
  const attempts = new Map<string, number>();
  const shares: number[] = [];
  const store = {
    fetch: async ({ bundleId }: { bundleId: string }, onProgress: (share: number) => void) => {
      const attempt = (attempts.get(bundleId) ?? 0) + 1;
      attempts.set(bundleId, attempt);
      onProgress(0.5);
      const error = fetch(bundleId, attempt, clock);
      if (error !== undefined) throw error;
    },
    discard: async () => undefined,
  };
  const onProgress = (share: number) => shares.push(share);
  return { options: { store, clock, logger: QUIET, random: () => 0.5, onProgress }, attempts, shares, clock };
}

const [a, b] = [makeCandidate("a"), makeCandidate("b")];

it("fetches a bundle once however many candidates run it", async () => {
  const { options, attempts, shares } = prepare(() => undefined);
  await fetchCandidates([a, { ...a, candidateId: "a 2" }, b], options, signal);
  expect([...attempts.values()]).toEqual([1, 1]);
  expect(shares.at(-1)).toBe(1);
});

it("outlasts a network that is away for hours", async () => {
  const { options, clock } = prepare((_, __, { monotonic }) =>
    monotonic.call(clock) < 5 * 3_600_000 ? new SartorError("SRT_DOWNLOAD_FAILED", "no network") : undefined,
  );
  expect((await fetchCandidates([a], options, signal)).size).toBe(0);
});

it("gives up after a day", async () => {
  const { options } = prepare(() => new SartorError("SRT_DOWNLOAD_FAILED", "no network"));
  await expect(fetchCandidates([a], options, signal)).rejects.toMatchObject({ code: "SRT_DOWNLOAD_FAILED" });
});

it("gives up at once on a full disk", async () => {
  const { options, attempts } = prepare(() => new SartorError("SRT_DISK_FULL", "full"));
  await expect(fetchCandidates([a], options, signal)).rejects.toMatchObject({ code: "SRT_DISK_FULL" });
  expect([...attempts.values()]).toEqual([1]);
});

it("goes on without a bundle that nobody knows or that is damaged, and says why", async () => {
  const { options, attempts } = prepare((bundleId) =>
    bundleId === a.bundle.bundleId ? new SartorError("SRT_DIGEST_MISMATCH", "damaged") : undefined,
  );
  const failures = await fetchCandidates([a, b], options, signal);
  expect([...failures].map(([id, { code }]) => [id, code])).toEqual([["a", "SRT_DIGEST_MISMATCH"]]);
  expect(attempts.get(a.bundle.bundleId)).toBe(3);
});

it("stops at once when it is no longer wanted, even while a download hangs", async () => {
  const { options } = prepare(() => undefined);
  const hanging = { ...options, store: { ...options.store, fetch: () => new Promise<void>(() => undefined) } };
  const controller = new AbortController();
  const fetching = fetchCandidates([a], hanging, controller.signal);
  controller.abort(new Error("no longer wanted"));
  await expect(fetching).rejects.toThrow("no longer wanted");
});
