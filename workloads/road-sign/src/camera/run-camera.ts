import { setTimeout as sleep } from "node:timers/promises";
import { ROAD_SIGN_LABELS } from "../labels.js";
import { type Answer, classifyPicture } from "./classify-client.js";
import { cameraFormat } from "./device-view.js";
import type { Drawings } from "./drawings.js";
import { encodeSign } from "./encode.js";
import { renderFrame } from "./frames.js";
import type { Shift } from "./render-sign.js";
import { Tally, type TallyCounts } from "./tally.js";

/** How a camera runs. */
export interface CameraOptions {
  /** Address of the device's inference endpoint. */
  readonly url: URL;
  /** Frames a second. */
  readonly rate: number;
  readonly seed: number;
  readonly shift?: Shift;
  /** Ends after so many answered frames; never, where absent. */
  readonly count?: number;
  readonly log: (line: string) => void;
  /** Ends the camera cleanly. */
  readonly signal: AbortSignal;
}

/** Time between two log lines, ms. */
const REPORT_EVERY_MS = 10_000;
/** Shortest and longest wait while no model serves, ms. */
const BACK_OFF_MS = { first: 250, longest: 5_000 } as const;
/** Requests that may fail one after the other before the camera says so, once. */
const FAILURES_WORTH_A_LINE = 1;

/**
 * Sends rendered frames to a device at a steady rate until the signal or the count ends it. A slow device gets fewer frames,
 * never a growing queue. While no model serves, the same frame is offered again after a growing wait.
 *
 * @returns the counts over the whole run
 */
export async function runCamera(drawings: Drawings, options: CameraOptions): Promise<TallyCounts> {
  const { signal, log } = options;
  const tally = new Tally();
  const periodMs = 1000 / options.rate;
  let backOff: number = BACK_OFF_MS.first;
  let waiting = false;
  let failures = 0;
  let number = 0;
  let due = performance.now();
  let reportAt = performance.now() + REPORT_EVERY_MS;

  while (!signal.aborted && tally.total.frames < (options.count ?? Number.POSITIVE_INFINITY)) {
    const { answer, correct } = await sendFrame(drawings, options, number);
    if (signal.aborted) break;
    if (answer.kind === "not-ready") {
      if (!waiting) log(`waiting for the model at ${options.url.href} (${answer.reason})`);
      waiting = true;
      await pause(backOff, signal);
      backOff = Math.min(BACK_OFF_MS.longest, backOff * 2);
      due = performance.now();
    } else {
      if (waiting) log("the model answers");
      waiting = false;
      backOff = BACK_OFF_MS.first;
      number++;
      if (answer.kind === "classified") {
        tally.answered(correct);
        failures = 0;
      } else {
        tally.failed();
        failures++;
        if (failures === FAILURES_WORTH_A_LINE) log(`a frame was refused: ${answer.reason}`);
      }
      // After a pause the schedule starts anew: what was missed is not made up for.
      due = Math.max(due + periodMs, performance.now() - periodMs);
      await pause(due - performance.now(), signal);
    }
    if (performance.now() >= reportAt) {
      log(tally.report());
      reportAt = performance.now() + REPORT_EVERY_MS;
    }
  }
  return tally.total;
}

async function sendFrame(
  drawings: Drawings,
  options: CameraOptions,
  number: number,
): Promise<{ answer: Answer; correct: boolean }> {
  const { seed, shift, signal, url } = options;
  const sign = renderFrame(drawings, { seed, number, ...(shift === undefined ? {} : { shift }) });
  const format = cameraFormat(number);
  const picture = await encodeSign(sign, format);
  const answer = await classifyPicture(url, picture, `image/${format.kind}`, signal);
  const correct =
    answer.kind === "classified" &&
    answer.index === sign.classId &&
    // Another model at this address may have other classes in another order.
    answer.label === ROAD_SIGN_LABELS[sign.classId];
  return { answer, correct };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  try {
    await sleep(ms, undefined, { signal });
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
