/** When this program began, ms since 1970; handed on to what it starts, so that all count from the same moment. */
export const STARTED_AT = Date.now();

/** Prints one line with the seconds since the start. */
export function say(message) {
  process.stdout.write(`[${secondsSince(STARTED_AT).padStart(6)} s] ${message}\n`);
}

/** Seconds since a moment, with one decimal. */
export function secondsSince(moment) {
  return ((Date.now() - moment) / 1000).toFixed(1);
}

/** A failure that a person can act on: what failed, what the program last said, what to do. */
export class BootstrapError extends Error {
  /**
   * @param {string} message what failed, one sentence
   * @param {{ detail?: string, advice?: string, logFile?: string }} [more]
   */
  constructor(message, { detail = "", advice = "", logFile = "" } = {}) {
    super(message);
    this.detail = detail;
    this.advice = advice;
    this.logFile = logFile;
  }

  print() {
    const lines = ["", `sartor: ${this.message}`];
    if (this.detail !== "") lines.push("", ...this.detail.split("\n").map((line) => `    ${line}`));
    if (this.logFile !== "") lines.push("", `The whole output is in ${this.logFile}`);
    if (this.advice !== "") lines.push("", `What to do: ${this.advice}`);
    process.stderr.write(`${lines.join("\n")}\n`);
  }
}

/** Runs a program's main function; failures are printed as sentences, and only what nobody foresaw as a stack. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (thrown) {
    if (thrown instanceof BootstrapError) thrown.print();
    else process.stderr.write(`${thrown instanceof Error ? thrown.stack : thrown}\n`);
    process.exitCode = 1;
  }
}
