import { spawn } from "node:child_process";

/** Ctrl-C arrives twice, from the terminal and from npm: what follows within this time is the same key press, ms. */
const SAME_PRESS_MS = 400;
/** The press that ends the program by force. */
const FORCE_PRESS = 3;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program to its end with this terminal, and resolves to its exit code (128 + n after signal n).
 *
 * The program gets a session of its own, so that Ctrl-C reaches this process alone, which passes each press on exactly
 * once and waits for the program to stop everything in order. The third press ends it by force.
 *
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 */
export function launch(program, parameters, { cwd, env }) {
  const child = spawn(program, parameters, { cwd, env, stdio: "inherit", detached: true });
  let presses = 0;
  let lastAt = Number.NEGATIVE_INFINITY;

  const passOn = (signal) => {
    const now = performance.now();
    if (now - lastAt < SAME_PRESS_MS) return;
    lastAt = now;
    presses += 1;
    if (presses >= FORCE_PRESS) {
      process.stderr.write("Ended by force.\n");
      killGroup(child.pid);
    } else {
      // A closed terminal is an order to stop.
      child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
    }
  };
  for (const signal of SIGNALS) process.on(signal, passOn);

  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      for (const name of SIGNALS) process.removeListener(name, passOn);
      resolve(code ?? { SIGINT: 130, SIGKILL: 137, SIGTERM: 143 }[signal] ?? 1);
    });
  });
}

function killGroup(pid) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}
