import type { VariantBuildView } from "@sartor/shared/protocol";
import type { StoredBuild } from "./stored-build.js";
import { stepsLeft } from "./stored-build.js";

export type BuildProgress = NonNullable<VariantBuildView["progress"]>;

/**
 * How far the whole build is, when the attempt under way, which makes what was left when it began, is so far.
 *
 * @param build as the attempt began
 * @param attempt percent is 0 to 100 of what was left
 */
export function overallProgress(build: StoredBuild, attempt: BuildProgress): BuildProgress {
  const before = 1 - stepsLeft(build).length / Math.max(1, build.steps.length);
  const percent = 100 * before + (1 - before) * attempt.percent;
  return { ...attempt, percent: Math.min(100, Math.max(0, Math.round(percent * 10) / 10)) };
}
