import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { credentials } from "../support/test-credentials.js";
import { waitFor } from "../support/wait-for.js";
import { createTestAgent } from "./test-agent.js";
import { TestBroker } from "./test-broker.js";

const PROGRAM = fileURLToPath(new URL("../../dist/link/agent-until-killed.js", import.meta.url));
const ROUNDS = 6;

let folder: string;
let broker: TestBroker;
const children = new Set<ChildProcess>();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sartor-kill-"));
  broker = new TestBroker();
  await broker.start();
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  await broker.stop();
  rmSync(folder, { recursive: true });
});

/**
 * Runs the agent until it has stored so many windows and, where asked, was seen by the broker, then kills it; gives back the
 * numbers that it called durable.
 */
async function runAndKill(databasePath: string, windows: number, connected: boolean): Promise<number[]> {
  const seenBefore = broker.of("events").length;
  const child = spawn(process.execPath, [PROGRAM, broker.url, databasePath], {
    env: { ...process.env, SARTOR_TEST_CREDENTIALS: JSON.stringify(credentials) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  let printed = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => {
    printed += text;
    const seen = broker.of("events").length > seenBefore;
    if (printed.split("\n").length > windows && (seen || !connected)) child.kill("SIGKILL");
  });
  const [, signal] = await once(child, "close");
  children.delete(child);
  expect(signal).toBe("SIGKILL");
  return printed.split("\n").slice(0, -1).map(Number);
}

describe("an agent that is killed with kill -9", () => {
  it("loses no window that it had stored, numbers them without gaps, and the broker tells that it is gone", async () => {
    const databasePath = join(folder, "state.db");
    const durable: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      durable.push(...(await runAndKill(databasePath, 20 + 17 * round, round % 2 === 1)));
    }
    const agent = createTestAgent(broker.url, databasePath);
    agent.link.start();
    const last = agent.appendWindow();
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    await agent.link.stop();
    agent.database.close();

    const sequences = broker.of("telemetry").map(({ sequence }) => Number(sequence));
    const arrived = [...new Set(sequences)].toSorted((a, b) => a - b);
    expect(arrived).toEqual(Array.from({ length: last + 1 }, (_, sequence) => sequence));
    expect(durable.every((sequence) => arrived.includes(sequence))).toBe(true);
    expect(new Set(durable).size).toBe(durable.length);
    expect(new Set(broker.of("telemetry").map(({ streamId }) => streamId)).size).toBe(1);

    const presence = broker.of("events").map(({ status, reason, sessionId }) => ({ status, reason, sessionId }));
    const wills = presence.filter(({ reason }) => reason === "connection_lost");
    const greetings = presence.filter(({ reason }) => reason === "connected");
    expect(wills.length).toBeGreaterThan(0);
    // Each session that was seen and then killed is told of. (A kill between CONNACK and the greeting leaves a will alone: no lie either.)
    const ended = presence.filter(({ status }) => status === "offline").map(({ sessionId }) => sessionId);
    for (const { sessionId } of greetings) expect(ended).toContain(sessionId);
    expect(new Set(greetings.map(({ sessionId }) => sessionId)).size).toBe(greetings.length);
    expect(presence.at(-1)).toMatchObject({ status: "offline", reason: "shutdown" });
  });
});
