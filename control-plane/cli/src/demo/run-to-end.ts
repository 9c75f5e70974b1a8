import { SartorError } from "@sartor/shared/errors";
import { ManagedProcess, type ManagedProcessOptions } from "./managed-process.js";

/**
 * Runs a program to its end.
 *
 * @param processes gets the process, so that whoever stops everything stops it too
 * @throws SartorError SRT_INTERNAL when it does not end with exit code 0; the signal's reason when it is aborted
 */
export async function runToEnd(
  options: Omit<ManagedProcessOptions, "restart" | "onExit">,
  processes: ManagedProcess[],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const onExit = (what: string) => {
      signal.removeEventListener("abort", abort);
      if (what === "exit code 0") resolve();
      else
        reject(new SartorError("SRT_INTERNAL", `The ${options.name} failed (${what}); its log is ${options.logFile}.`));
    };
    processes.push(new ManagedProcess({ ...options, restart: false, onExit }));
  });
}
