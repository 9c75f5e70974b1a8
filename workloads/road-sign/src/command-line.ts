import { SartorError } from "@sartor/shared/errors";

/** Reads a whole number from a command-line option. @throws SartorError SRT_CONFIG_INVALID outside its range */
export function wholeNumber(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < low || value > high) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      `--${name} must be a whole number from ${low} to ${high}, not '${text}'.`,
    );
  }
  return value;
}

/** Runs a program's main function: a {@link SartorError} ends it with its code and sentence, exit status 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (thrown) {
    const error = SartorError.from(thrown);
    console.error(error.code === "SRT_INTERNAL" ? thrown : `${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
