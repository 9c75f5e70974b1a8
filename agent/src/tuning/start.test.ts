import { expect, it } from "vitest";
import { planStart, type StartInput } from "./start.js";
import { ENVIRONMENT, makeCandidate, makeOrder, OTHER_TUNING_ID, TUNING_ID } from "./testing/orders.js";

const HOUR_MS = 3_600_000;
const finished = { tuningId: TUNING_ID, environment: ENVIRONMENT, at: 0 };
const ready: StartInput = {
  order: makeOrder([makeCandidate("a")]),
  finished: null,
  environment: ENVIRONMENT,
  environmentChanged: false,
  environmentAgeMs: 120_000,
  sinceFinishedMs: 2 * HOUR_MS,
  mayMeasure: true,
  notBeforeMs: 0,
};

it.each<[string, Partial<StartInput>, Partial<ReturnType<typeof planStart>>]>([
  ["a new order is begun", {}, { start: "ordered" }],
  [
    "another order than the finished one is begun",
    { finished: { ...finished, tuningId: OTHER_TUNING_ID } },
    { start: "ordered" },
  ],
  ["no order asks for nothing", { order: null }, { waitMs: 60_000 }],
  ["a finished order rests", { finished }, { step: "done" }],
  ["a changed environment asks for it again", { finished, environmentChanged: true }, { start: "environment_changed" }],
  [
    "but not before it has settled",
    { finished, environmentChanged: true, environmentAgeMs: 10_000 },
    { step: "done", waitMs: 50_000 },
  ],
  [
    "and once an hour at most",
    { finished, environmentChanged: true, sinceFinishedMs: HOUR_MS - 9_000 },
    { step: "done", waitMs: 9_000 },
  ],
  [
    "a clock that was set back does not put it off for years",
    { finished, environmentChanged: true, sinceFinishedMs: -9 * HOUR_MS },
    { start: "environment_changed" },
  ],
  ["a device that is needed otherwise waits", { mayMeasure: false }, { step: "waiting" }],
  ["hardware that was not looked at yet is waited for", { environment: undefined }, { step: "waiting" }],
  ["what failed is put off", { notBeforeMs: 7_000 }, { step: "waiting", waitMs: 7_000 }],
])("%s", (_, changes, expected) => {
  const plan = planStart({ ...ready, ...changes });
  expect(plan).toMatchObject(expected);
  expect("start" in plan).toBe("start" in expected);
});
