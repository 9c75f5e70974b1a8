import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";

/** Counts the SIGINTs it gets; ends in peace at the first when told to, otherwise goes on. */
const PROGRAM = `
  let count = 0;
  process.on("SIGINT", () => {
    count += 1;
    console.log("got " + count);
    if (process.argv[1] === "polite") setTimeout(() => { console.log("stopped after " + count); process.exit(7); }, 900);
  });
  setInterval(() => {}, 1000);
  console.log("up");
`;

const launcher = (manner) => `
  const { launch } = await import(${JSON.stringify(join(import.meta.dirname, "launch.mjs"))});
  process.exitCode = await launch(process.execPath, ["-e", ${JSON.stringify(PROGRAM)}, ${JSON.stringify(manner)}], { cwd: "/", env: process.env });
`;

/** Starts the launcher and waits until the program behind it is up. */
async function start(manner) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", launcher(manner)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const says = async (text) => {
    while (!output.includes(text)) await sleep(10);
  };
  await says("up");
  return { child, ended, says, output: () => output };
}

it("passes one Ctrl-C on once, though terminal and npm both deliver it, and waits for an orderly stop", async () => {
  const { child, ended, output } = await start("polite");
  child.kill("SIGINT");
  child.kill("SIGINT");
  await sleep(50);
  child.kill("SIGINT");
  expect(await ended).toBe(7);
  expect(output()).toContain("stopped after 1");
});

it("ends a program by force at the third Ctrl-C", async () => {
  const { child, ended, says, output } = await start("stubborn");
  child.kill("SIGINT");
  await says("got 1");
  await sleep(500);
  child.kill("SIGINT");
  await says("got 2");
  await sleep(500);
  child.kill("SIGINT");
  expect(await ended).toBe(137);
  expect(output()).toContain("Ended by force.");
});
