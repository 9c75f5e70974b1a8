import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCommand } from "./exec.js";
import { diskSpace, hostFiles, openSystemFiles, SYSTEM_FILE_LIMIT_BYTES } from "./system-files.js";

const root = mkdtempSync(join(tmpdir(), "sartor-files-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("system files", () => {
  it("are read below the root, and what is missing or a folder is absent", async () => {
    mkdirSync(join(root, "proc/x"), { recursive: true });
    writeFileSync(join(root, "proc/model"), "board\0");
    const files = openSystemFiles(root);
    expect(await files.readText("/proc/model")).toBe("board\0");
    expect(await files.readText("/proc/none")).toBeUndefined();
    expect(await files.readText("/proc/x")).toBeUndefined();
    expect(await files.list("/proc")).toEqual(["model", "x"]);
    expect(await files.list("/none")).toEqual([]);
  });

  it("of endless size cost one mebibyte and no more", async () => {
    expect((await hostFiles.readBytes("/dev/zero"))?.byteLength).toBe(SYSTEM_FILE_LIMIT_BYTES);
  });

  it("that say size 0, as all below /proc do, are read whole", async () => {
    expect(await hostFiles.readText("/proc/self/status")).toContain("Pid:");
  });

  it("of a disk tell its size and what is free", async () => {
    const space = await diskSpace(root);
    expect(space.totalBytes).toBeGreaterThan(space.availableBytes);
  });
});

describe("a command", () => {
  const node = (script: string, options = { timeoutMs: 20_000 }) =>
    runCommand(process.execPath, ["-e", script], options);

  it("answers with its output, its failure, or that it does not exist", async () => {
    expect(await node("console.log('hi')")).toMatchObject({ status: "ok", stdout: "hi\n" });
    expect(await node("console.error('no'); process.exit(3)")).toMatchObject({
      status: "failed",
      exitCode: 3,
      stderr: "no\n",
    });
    expect(await runCommand("no-such-program-here", [], { timeoutMs: 1000 })).toMatchObject({ status: "not-found" });
  });

  it("that hangs is killed at its time limit", async () => {
    expect(await node("setInterval(() => {}, 1000)", { timeoutMs: 300 })).toMatchObject({ status: "timed-out" });
  });

  it("that never stops writing is killed at its output limit", async () => {
    const flood = "for (;;) require('fs').writeSync(1, 'x'.repeat(65536))";
    expect(
      await runCommand(process.execPath, ["-e", flood], { timeoutMs: 20_000, maximumOutputBytes: 1000 }),
    ).toMatchObject({
      status: "too-much-output",
    });
  });
});
