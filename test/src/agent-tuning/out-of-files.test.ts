import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { buildTinyClassifier, bundleOf } from "../support/tiny-model.js";

/** Takes every file descriptor that it may have, then has a candidate loaded; says what came of it. */
const PROGRAM = `
  import { openSync } from "node:fs";
  import { CandidateProcesses } from "@sartor/agent/runtime";
  const found = JSON.parse(process.argv[1]);
  const loader = new CandidateProcesses({ locate: () => found, availableMemory: async () => undefined });
  try {
    for (;;) openSync("/dev/null");
  } catch {}
  const candidate = { bundle: { bundleId: "x" }, runtime: found.manifest.runtime };
  const said = await loader.open(candidate, new AbortController().signal).then(() => "loaded", (error) => error.message);
  // What nobody caught would end the process by now.
  await new Promise((resolve) => setTimeout(resolve, 200));
  process.stdout.write(said);
`;

it("an agent that is out of file descriptors refuses a model, says why, and lives", async () => {
  const folder = mkdtempSync(join(tmpdir(), "out-of-files-"));
  try {
    const found = { folder, manifest: bundleOf(buildTinyClassifier({ name: "tiny", width: 8, height: 8 })).manifest };
    const { stdout } = await promisify(execFile)(
      "sh",
      [
        "-c",
        'ulimit -n 64 && exec "$0" --input-type=module --eval "$1" "$2"',
        process.execPath,
        PROGRAM,
        JSON.stringify(found),
      ],
      { cwd: fileURLToPath(new URL("../..", import.meta.url)) },
    );
    expect(stdout).toContain("EMFILE");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
