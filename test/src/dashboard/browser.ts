import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where systems put Chromium, besides what SARTOR_TEST_CHROMIUM names. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Path of an installed Chromium; undefined when there is none. */
export const CHROMIUM = [process.env.SARTOR_TEST_CHROMIUM, ...PLACES].find(
  (path): path is string => path !== undefined && existsSync(path),
);

/** Starts a headless Chromium that talks to nobody but the page under test. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
