import { writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { SartorError } from "@sartor/shared/errors";
import { type ChildCall, type ChildCalls, encodeFrame, type Frame, FrameReader } from "../channel/index.js";
import { createOnnxRuntimeAdapter } from "./onnxruntime-adapter.js";
import { ServingChild } from "./serving-child.js";

/**
 * The runtime child: one model in a process of its own, spoken to over file descriptor 3. When the socket ends the agent
 * is gone or wants no more, and the child ends with it.
 */
const socket = new Socket({ fd: 3, readable: true, writable: true });
const reader = new FrameReader();
const child = new ServingChild({ "onnxruntime-node": createOnnxRuntimeAdapter() });

async function answer({ header, parts }: Frame): Promise<void> {
  const { id, call } = header as unknown as { id: number; call: ChildCall };
  try {
    const reply = await child.handle(call, header.arguments as ChildCalls[ChildCall]["arguments"], parts);
    send({ id, result: reply.result }, reply.parts ?? []);
  } catch (error) {
    send({ id, error: SartorError.from(error, "SRT_INFERENCE_FAILED").toBody() }, []);
  }
}

function send(header: Readonly<Record<string, unknown>>, parts: readonly Uint8Array[]): void {
  socket.cork();
  for (const buffer of encodeFrame(header, parts)) socket.write(buffer);
  socket.uncork();
}

// How early this process goes when memory runs out: the agent says so as the only argument.
try {
  writeFileSync("/proc/self/oom_score_adj", process.argv[2] ?? "1000");
} catch {
  // Not Linux, or a sandbox that forbids it: nothing depends on it.
}

socket.on("data", (chunk) => {
  for (const frame of reader.push(chunk)) void answer(frame);
});
socket.on("error", () => process.exit(0));
socket.on("close", () => process.exit(0));
// Ctrl-C in a terminal reaches the whole process group; the agent decides when its children end.
process.on("SIGINT", () => undefined);
