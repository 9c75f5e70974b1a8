#!/usr/bin/env node
import { SartorError } from "@sartor/shared/errors";
import { buildProgram } from "./program.js";

/** Composition root of the `sartor` command: errors become one sentence with their code, and exit code 1. */
// A terminal that was closed must not end the orderly stop: what cannot be printed is not printed.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

try {
  await buildProgram().parseAsync(process.argv);
} catch (thrown) {
  const error = SartorError.from(thrown);
  process.stderr.write(`sartor: ${error.message} [${error.code}]\n`);
  if (error.code === "SRT_INTERNAL" && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
  process.exitCode = 1;
}
