import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileArguments, pageArguments, pageFolder, pageIsCurrent, recordPage } from "./build.mjs";
import { runCommand } from "./command.mjs";
import { prepare, ROOT } from "./prepare.mjs";
import { BootstrapError, STARTED_AT, say, secondsSince } from "./progress.mjs";
import { describeLeftOut } from "./surroundings.mjs";
import { readVitestReport } from "./vitest-report.mjs";

const MINUTE_MS = 60_000;
/** `--all`: attacks and faults, too. */
const IS_ALL = process.argv.includes("--all");
/** All checks together, without the installation. */
const TOTAL_LIMIT_MS = (IS_ALL ? 30 : 12) * MINUTE_MS;
const MOST_SKIPPED_NAMES = 30;

/** A row of the summary: {@link readVitestReport} says what the counts mean; a check that is no vitest run counts as one. */
const rows = [];
const EMPTY = { passed: 0, failed: 0, skipped: 0, skippedNames: [] };

/** `npm test [-- --all]`: sets up, runs every check even when one fails, and ends in the line `N passed, N failed`. */
async function main() {
  const node24 = await prepare({ build: false });
  const leftOut = describeLeftOut(ROOT);
  if (!IS_ALL) leftOut.push("attacks and injected faults are NOT tested by this command: npm run test:hostile");
  announceLeftOut(leftOut);
  const deadline = Date.now() + TOTAL_LIMIT_MS;
  const run = (parameters, limitMs, cwd = ROOT) =>
    runCommand(node24, parameters, { cwd, limitMs: Math.max(1_000, Math.min(limitMs, deadline - Date.now())) });
  const bin = (...parts) => join(ROOT, "node_modules", ...parts);

  await check("types", () => run(compileArguments(ROOT), 3 * MINUTE_MS));
  await check("dashboard build", async () => {
    if (pageIsCurrent(ROOT)) return { code: 0, timedOut: false };
    const result = await run(pageArguments(ROOT), 2 * MINUTE_MS, pageFolder(ROOT));
    if (result.code === 0) recordPage(ROOT);
    return result;
  });
  await check("lint", () =>
    run([bin("@biomejs", "biome", "bin", "biome"), "check", "--error-on-warnings", "."], MINUTE_MS),
  );
  await check("layers", () => run([join(ROOT, "test/dist/layers/main.js"), ROOT], MINUTE_MS));
  await check("errors page", () => run([join(ROOT, "test/dist/docs/write-errors-page.js"), "--check"], MINUTE_MS));
  for (const [title, project, limitMs] of [
    ["unit tests", "unit", 4 * MINUTE_MS],
    ["end-to-end tests", "e2e", 10 * MINUTE_MS],
    ...(IS_ALL ? [["attacks and faults", "hostile", 15 * MINUTE_MS]] : []),
  ]) {
    await vitest(title, (report) => {
      const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
      return run(
        [bin("vitest", "vitest.mjs"), "run", "--project", project, "--allowOnly=false", ...reporters],
        limitMs,
      );
    });
  }
  announceLeftOut(leftOut);
}

/** Runs a check that either passes or fails. */
async function check(title, work) {
  say(`${title} …`);
  const began = Date.now();
  const { code, timedOut } = await work();
  const problem = timedOut ? "ended after its time limit" : code === 0 ? undefined : `exit code ${code}`;
  const counts = code === 0 ? { passed: 1 } : { failed: 1 };
  rows.push({ ...EMPTY, title, seconds: secondsSince(began), ...counts, problem });
}

/** Runs vitest and counts its tests. */
async function vitest(title, work) {
  say(`${title} …`);
  const began = Date.now();
  const folder = mkdtempSync(join(tmpdir(), "sartor-test-"));
  const report = join(folder, "report.json");
  const counts = readVitestReport(report, await work(report));
  rmSync(folder, { recursive: true, force: true });
  rows.push({ title, seconds: secondsSince(began), ...counts });
}

function announceLeftOut(sentences) {
  for (const sentence of sentences) process.stdout.write(`\n!!! LEFT OUT: ${sentence}\n`);
}

/** Prints, once, what was skipped, a table, and the counts on a line of their own. */
function summarize() {
  summarized = true;
  const write = (line = "") => process.stdout.write(`${line}\n`);
  const skippedNames = rows.flatMap((row) => row.skippedNames);
  if (skippedNames.length > 0) {
    write("\nSkipped:");
    for (const name of skippedNames.slice(0, MOST_SKIPPED_NAMES)) write(`  ${name}`);
    if (skippedNames.length > MOST_SKIPPED_NAMES) write(`  and ${skippedNames.length - MOST_SKIPPED_NAMES} more`);
  }
  write(
    `\n${"check".padEnd(20)}${"passed".padStart(8)}${"failed".padStart(8)}${"skipped".padStart(9)}${"seconds".padStart(9)}`,
  );
  for (const { title, passed, failed, skipped, seconds, problem } of rows) {
    const counts = `${title.padEnd(20)}${String(passed).padStart(8)}${String(failed).padStart(8)}${String(skipped).padStart(9)}`;
    write(`${counts}${seconds.padStart(9)}${problem === undefined ? "" : `   ${problem}`}`);
  }
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  const [passed, failed, skipped] = [sum("passed"), sum("failed"), sum("skipped")];
  write(`\n${secondsSince(STARTED_AT)} s in all\n`);
  if (skipped > 0) write(`${skipped} left out, see above\n`);
  write(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

// Ctrl-C, SIGTERM of a CI that lost patience: what was counted so far is said all the same, in the usual last line.
let summarized = false;
process.once("exit", () => {
  if (summarized) return;
  rows.push({ ...EMPTY, title: "the rest", seconds: secondsSince(STARTED_AT), failed: 1, problem: "interrupted" });
  summarize();
});

try {
  await main();
} catch (thrown) {
  if (thrown instanceof BootstrapError) thrown.print();
  else process.stderr.write(`${thrown instanceof Error ? thrown.stack : thrown}\n`);
  rows.push({ ...EMPTY, title: "set-up", seconds: secondsSince(STARTED_AT), failed: 1, problem: "see above" });
}
process.exitCode = summarize();
