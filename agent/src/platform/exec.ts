import { execFile } from "node:child_process";

/** What a command did. A command that fails is an answer, not an exception: the caller decides what it means. */
export type CommandResult =
  | { readonly status: "ok"; readonly stdout: string; readonly stderr: string }
  | {
      readonly status: "not-found" | "timed-out" | "too-much-output" | "failed";
      readonly stdout: string;
      readonly stderr: string;
      readonly exitCode?: number;
    };

export interface RunCommandOptions {
  /** The process is killed after this time, ms. */
  readonly timeoutMs: number;
  /** The process is killed when stdout or stderr grow past this, bytes. Default 256 KiB. */
  readonly maximumOutputBytes?: number;
}

/** Runs a program without a shell; never rejects. Injected, so that a test gives recorded output. */
export type RunCommand = (
  program: string,
  parameters: readonly string[],
  options: RunCommandOptions,
) => Promise<CommandResult>;

/** Runs the program on this machine. */
export const runCommand: RunCommand = (program, parameters, options) =>
  new Promise((resolve) => {
    execFile(
      program,
      [...parameters],
      {
        timeout: options.timeoutMs,
        maxBuffer: options.maximumOutputBytes ?? 256 * 1024,
        killSignal: "SIGKILL",
        encoding: "utf8",
        windowsHide: true,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ status: "ok", stdout, stderr });
        if (error.code === "ENOENT" || error.code === "EACCES") return resolve({ status: "not-found", stdout, stderr });
        if ((error.code as unknown) === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") {
          return resolve({ status: "too-much-output", stdout, stderr });
        }
        if (error.killed === true) return resolve({ status: "timed-out", stdout, stderr });
        resolve({
          status: "failed",
          stdout,
          stderr,
          ...(typeof error.code === "number" ? { exitCode: error.code } : {}),
        });
      },
    );
  });
