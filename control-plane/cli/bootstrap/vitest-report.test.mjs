import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readVitestReport } from "./vitest-report.mjs";

describe("the count of tests", () => {
  let path;
  const ENDED = { code: 0, timedOut: false };
  const report = (...testResults) => writeFileSync(path, JSON.stringify({ testResults }));
  const test = (status) => ({ status, fullName: `a ${status} test` });

  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), "sartor-report-")), "report.json");
  });
  afterEach(() => rmSync(join(path, ".."), { recursive: true }));

  it("adds up what passed, failed and was skipped, and names the skipped", () => {
    report({ status: "failed", assertionResults: [test("passed"), test("failed"), test("skipped"), test("todo")] });
    const counts = readVitestReport(path, { code: 1, timedOut: false });
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 2, skippedNames: ["a skipped test", "a todo test"] });
  });

  it("counts a file that could not be loaded as a failure", () => {
    report({ status: "passed", assertionResults: [test("passed")] }, { status: "failed", assertionResults: [] });
    expect(readVitestReport(path, { code: 1, timedOut: false })).toMatchObject({ passed: 1, failed: 1 });
  });

  it("counts a crash without a report as a failure", () => {
    expect(readVitestReport(path, { code: 139, timedOut: false })).toMatchObject({
      passed: 0,
      failed: 1,
      problem: expect.stringMatching("139"),
    });
    writeFileSync(path, '{"testResults": [');
    expect(readVitestReport(path, { code: 137, timedOut: true })).toMatchObject({
      failed: 1,
      problem: expect.stringMatching("time limit"),
    });
  });

  it("counts a run of nothing as a failure", () => {
    report();
    expect(readVitestReport(path, ENDED)).toMatchObject({ passed: 0, failed: 1, problem: "no test was run" });
    report({ status: "passed", assertionResults: [test("skipped")] });
    expect(readVitestReport(path, ENDED)).toMatchObject({ failed: 1, skipped: 1 });
  });

  it("counts an error outside any test as a failure", () => {
    report({ status: "passed", assertionResults: [test("passed")] });
    expect(readVitestReport(path, { code: 1, timedOut: false })).toMatchObject({ passed: 1, failed: 1 });
    expect(readVitestReport(path, ENDED)).toMatchObject({ passed: 1, failed: 0 });
  });
});
