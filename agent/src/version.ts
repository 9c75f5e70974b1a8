import { readFileSync } from "node:fs";

/** Version of the agent, out of its package.json. */
export const AGENT_VERSION: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;

/**
 * No clock can be right that says less than this, ms since 1970: a device without a battery wakes up in 1970. Raised with a release.
 */
export const RELEASED_AT: number = Date.UTC(2026, 10, 1);
