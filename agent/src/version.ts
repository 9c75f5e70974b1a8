import { readFileSync } from "node:fs";

/** Version of the agent, out of its package.json. */
export const AGENT_VERSION: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
