import "reflect-metadata";
import { SartorError } from "@sartor/shared/errors";
import { loadSettings } from "./config/index.js";
import { type ControlPlane, startControlPlane } from "./control-plane.js";

/** Longest time for an orderly end, ms; then the process ends anyway. */
const STOP_DEADLINE_MS = 10_000;

async function main(): Promise<void> {
  const controlPlane = await startControlPlane(loadSettings());
  const { httpUrl, deviceUrl, mqttUrl, operatorToken } = controlPlane;
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(controlPlane));
  // A parent that started us with a channel and is gone will not stop us any more.
  if (process.send !== undefined) process.once("disconnect", () => void stop(controlPlane));
  // Said last: whoever reads it may send a signal at once.
  process.stdout.write(`control plane listening http=${httpUrl} devices=${deviceUrl} mqtt=${mqttUrl}\n`);
  process.send?.({ type: "ready", httpUrl, deviceUrl, mqttUrl, operatorToken });
}

let stopping = false;

async function stop(controlPlane: ControlPlane): Promise<void> {
  if (stopping) return;
  stopping = true;
  setTimeout(() => {
    process.stderr.write("control plane did not stop in time\n");
    process.exit(1);
  }, STOP_DEADLINE_MS).unref();
  await controlPlane.stop();
  process.exit(0);
}

main().catch((error: unknown) => {
  const known = error instanceof SartorError;
  process.stderr.write(known ? `${error.code}: ${error.message}\n` : `${(error as Error)?.stack ?? String(error)}\n`);
  process.exit(1);
});
