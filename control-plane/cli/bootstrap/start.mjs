import { join } from "node:path";
import { stopListening } from "./command.mjs";
import { launch } from "./launch.mjs";
import { prepare, ROOT } from "./prepare.mjs";
import { runMain, STARTED_AT } from "./progress.mjs";

/** `npm start`: sets up, then runs `sartor demo` with the arguments given. */
await runMain(async () => {
  const node24 = await prepare({ build: true });
  stopListening();
  const program = join(ROOT, "control-plane", "cli", "dist", "main.js");
  return launch(node24, [program, "demo", ...process.argv.slice(2)], {
    // Where npm was called, so that relative paths among the arguments mean what they say.
    cwd: process.env.INIT_CWD ?? process.cwd(),
    // The demo's clock goes on from here: what it reports includes the set-up.
    env: { ...process.env, SARTOR_STARTED_AT: String(STARTED_AT) },
  });
});
