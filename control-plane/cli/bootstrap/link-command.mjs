import { chmodSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const TARGET = join("..", "@sartor", "cli", "dist", "main.js");

/**
 * Makes `npx sartor` work. npm links the commands of packages when it installs, and leaves out those that are not there yet: in a fresh
 * checkout this one is compiled only afterwards.
 */
export function linkCommand(root) {
  const folder = join(root, "node_modules", ".bin");
  const link = join(folder, "sartor");
  chmodSync(join(root, "control-plane", "cli", "dist", "main.js"), 0o755);
  if (linksTo(link) === TARGET) return;
  mkdirSync(folder, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(TARGET, link);
}

function linksTo(path) {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
