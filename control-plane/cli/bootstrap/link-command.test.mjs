import {
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linkCommand } from "./link-command.mjs";

describe("the sartor command of a fresh checkout", () => {
  let root;
  let program;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sartor-link-"));
    program = join(root, "control-plane", "cli", "dist", "main.js");
    mkdirSync(join(program, ".."), { recursive: true });
    writeFileSync(program, "#!/usr/bin/env node\n", { mode: 0o644 });
    mkdirSync(join(root, "node_modules", "@sartor"), { recursive: true });
    symlinkSync(join(root, "control-plane", "cli"), join(root, "node_modules", "@sartor", "cli"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("can be called after the build, though npm found nothing to link when it installed", () => {
    linkCommand(root);
    linkCommand(root);
    const link = join(root, "node_modules", ".bin", "sartor");
    expect(realpathSync(link)).toBe(realpathSync(program));
    expect(statSync(link).mode & 0o111).toBe(0o111);
  });

  it("is linked anew where the link leads elsewhere", () => {
    mkdirSync(join(root, "node_modules", ".bin"));
    const link = join(root, "node_modules", ".bin", "sartor");
    symlinkSync("nowhere", link);
    linkCommand(root);
    expect(readlinkSync(link)).toBe(join("..", "@sartor", "cli", "dist", "main.js"));
  });
});
