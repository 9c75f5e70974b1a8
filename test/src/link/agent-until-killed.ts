/** A process of its own for the tests: connects, stores windows as fast as it can, prints each that is durable. Ends by kill -9 only. */
import { writeSync } from "node:fs";
import { createTestAgent } from "./test-agent.js";

const [url = "", databasePath = ""] = process.argv.slice(2);
const agent = createTestAgent(url, databasePath);
agent.link.start();
for (;;) {
  writeSync(1, `${agent.appendWindow()}\n`);
  await new Promise((resolve) => setImmediate(resolve));
}
