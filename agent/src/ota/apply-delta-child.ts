/** A process of its own that applies one difference. It imports packages only, so that it runs from sources as well as from their build. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import zlib from "node:zlib";
import { applyDelta, zstdTools } from "@sartor/shared/domain/delta";
import { SartorError } from "@sartor/shared/errors";
import type { ApplyDeltaJob, ApplyDeltaReply } from "./apply-delta.js";

const READ_AT_ONCE = 256 * 1024;

/** @throws SartorError SRT_DELTA_INVALID, also for a base that is not what it should be; errors of the disk as they are */
async function apply({ deltaPath, bases, outputPath, expected }: ApplyDeltaJob): Promise<void> {
  const handles = new Map<string, FileHandle>();
  try {
    for (const { digest, path } of bases) handles.set(digest, await open(path, "r"));
    const readBase = async ({ digest }: { readonly digest: string }, offset: number, length: number) => {
      const handle = handles.get(digest);
      if (handle === undefined) throw invalid(`it builds on ${digest}, which was not offered for it`);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw invalid(`the file ${digest} that it builds on is shorter than it should be`);
        filled += bytesRead;
      }
      return bytes;
    };
    const output = await open(outputPath, "w", 0o644);
    handles.set("output", output);
    const delta = createReadStream(deltaPath, { highWaterMark: READ_AT_ONCE });
    for await (const piece of applyDelta(delta, readBase, expected, zstdTools(createHash, zlib))) {
      await output.writeFile(piece);
    }
    await output.sync();
  } finally {
    for (const handle of handles.values()) await handle.close();
  }
}

function invalid(problem: string): SartorError {
  return new SartorError("SRT_DELTA_INVALID", `The difference does not apply: ${problem}.`);
}

/** One job, one answer. */
async function work(job: ApplyDeltaJob): Promise<ApplyDeltaReply> {
  try {
    await apply(job);
    return { kind: "applied" };
  } catch (thrown) {
    if (thrown instanceof SartorError) return { kind: "refused", error: thrown.toBody() };
    const errno = (thrown as NodeJS.ErrnoException).code;
    return { kind: "failed", errno: typeof errno === "string" ? errno : null, message: String(thrown) };
  }
}

process.once("message", async (job) => {
  process.send?.(await work(job as ApplyDeltaJob));
});
// Without the agent nobody waits for what it gives.
process.once("disconnect", () => process.exit());
