import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** What this machine lacks, and which tests are left out for it: one sentence each. */
export function describeLeftOut(root) {
  const sentences = [];
  if (!hasBrowser()) {
    sentences.push(
      "no Chromium on this machine (Debian: apt-get install chromium): the dashboard is NOT tested in a browser",
    );
  }
  if (!existsSync(resolve(root, "../shared/gtsrb"))) {
    sentences.push("no GTSRB images at ../shared/gtsrb: the road-sign model's accuracy is NOT tested");
  }
  return sentences;
}

function hasBrowser() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => BROWSERS.some((name) => existsSync(join(folder, name))));
}
