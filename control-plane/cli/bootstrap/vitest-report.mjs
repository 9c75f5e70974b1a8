import { readFileSync } from "node:fs";

/**
 * Counts what vitest's JSON report says. A file that failed before its tests ran counts as one failure; so does a run that
 * crashed, left no report, ran nothing, or failed outside any test.
 *
 * @param {string} path the report
 * @param {{ code: number, timedOut: boolean }} run how vitest ended
 * @returns {{ passed: number, failed: number, skipped: number, skippedNames: string[], problem?: string }}
 */
export function readVitestReport(path, { code, timedOut }) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    const problem = timedOut ? "ended after its time limit, without a report" : `vitest crashed (exit code ${code})`;
    return { passed: 0, failed: 1, skipped: 0, skippedNames: [], problem };
  }
  let [passed, failed] = [0, 0];
  const skippedNames = [];
  for (const file of report.testResults ?? []) {
    let failedHere = 0;
    for (const test of file.assertionResults ?? []) {
      if (test.status === "passed") passed += 1;
      else if (test.status === "failed") failedHere += 1;
      else skippedNames.push(test.fullName);
    }
    if (file.status === "failed" && failedHere === 0) failedHere = 1;
    failed += failedHere;
  }
  const counts = { passed, failed, skipped: skippedNames.length, skippedNames };
  if (passed + failed === 0) return { ...counts, failed: 1, problem: "no test was run" };
  if (code !== 0 && failed === 0) {
    const problem = timedOut
      ? "ended after its time limit"
      : `every test passed, but vitest failed (exit code ${code})`;
    return { ...counts, failed: 1, problem };
  }
  return counts;
}
