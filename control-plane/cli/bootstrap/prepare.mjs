import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPage, compile } from "./build.mjs";
import { ensureInstalled, forgetInstallation } from "./install.mjs";
import { linkCommand } from "./link-command.mjs";
import { ensureNode24 } from "./node24.mjs";
import { oneAtATime } from "./one-at-a-time.mjs";
import { runMain, say } from "./progress.mjs";
import { checkVersions } from "./versions.mjs";

/** The checkout that this file belongs to. */
export const ROOT = resolve(import.meta.dirname ?? fileURLToPath(new URL(".", import.meta.url)), "../../..");

/**
 * Makes a checkout ready: packages, Node 24, and, unless `build` is false, everything compiled. What is done already is
 * skipped, so that the second time takes a second.
 *
 * @param {{ build: boolean }} options
 * @returns {Promise<string>} path of the Node that Sartor runs on
 * @throws {BootstrapError} a sentence that a person can act on
 */
export async function prepare({ build }) {
  checkVersions();
  return oneAtATime(ROOT, async () => {
    const installed = await ensureInstalled(ROOT);
    const node24 = await ensureNode24(ROOT).catch(async (error) => {
      // A node_modules that looks whole but holds no Node that starts (copied from another machine) is made anew, once.
      if (installed || process.arch !== "x64") throw error;
      forgetInstallation(ROOT);
      await ensureInstalled(ROOT);
      return ensureNode24(ROOT);
    });
    if (build) {
      await compile(ROOT, node24);
      linkCommand(ROOT);
      await buildPage(ROOT, node24);
    }
    return node24;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await prepare({ build: true });
    say("ready: `npm start` starts Sartor.");
    return 0;
  });
}
