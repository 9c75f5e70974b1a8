import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { applyDelta, type ByteSource, type LaidOutFile, makeDelta } from "@sartor/shared/domain/delta";
import { SartorError } from "@sartor/shared/errors";
import type { DeltaFile, DeltaJob, DeltaOutcome } from "./delta-job.js";
import { fileLayout } from "./file-layout.js";
import { nodeDeltaTools } from "./node-delta-tools.js";

const READ_AT_ONCE = 256 * 1024;

/**
 * Makes the difference between files, writes it, applies it to the bases and compares what that gives with the target. Holds one piece and the
 * layouts, however large the files are.
 *
 * @throws SartorError SRT_DELTA_INVALID for a difference that does not give the target, or a file that is not what it should be
 */
export async function runDeltaJob(job: DeltaJob): Promise<DeltaOutcome> {
  const handles: FileHandle[] = [];
  try {
    const files: LaidOutFile[] = [];
    for (const { path, bytes } of [job.target, ...job.bases]) {
      const handle = await open(path, "r");
      handles.push(handle);
      const source = sourceOf(handle, bytes);
      files.push({ source, layout: await fileLayout(source) });
    }
    const [target, ...bases] = files as [LaidOutFile, ...LaidOutFile[]];
    const bytes = await write(job, makeDelta(target, bases, nodeDeltaTools));
    if (bytes === undefined) return { kind: "not_worth_it" };
    await verify(job, target.source, bases);
    return { kind: "made", bytes };
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

/** Writes a difference; undefined as soon as it is longer than what is worth it. */
async function write(job: DeltaJob, parts: AsyncIterable<Uint8Array>): Promise<number | undefined> {
  const output = await open(job.outputPath, "w", 0o600);
  try {
    let bytes = 0;
    for await (const part of parts) {
      bytes += part.byteLength;
      if (bytes > job.mostBytes) return undefined;
      await output.writeFile(part);
    }
    return bytes;
  } finally {
    await output.close();
  }
}

/** What a device will do with it, and whether that gives the target, byte by byte. */
async function verify(job: DeltaJob, target: ByteSource, bases: readonly LaidOutFile[]): Promise<void> {
  const sources = new Map(job.bases.map(({ digest }, index) => [hexOf(digest), bases[index]?.source]));
  const readBase = async ({ digest }: { digest: string }, offset: number, length: number) => {
    const source = sources.get(digest);
    if (source === undefined) throw invalid(`it builds on ${digest}, which it should not`);
    return source.read(offset, length);
  };
  const expected = { digest: hexOf(job.target.digest), length: job.target.bytes };
  const delta = createReadStream(job.outputPath, { highWaterMark: READ_AT_ONCE });
  let done = 0;
  for await (const piece of applyDelta(delta, readBase, expected, nodeDeltaTools)) {
    if (Buffer.compare(piece, await target.read(done, piece.length)) !== 0) throw invalid("a piece of it differs");
    done += piece.length;
  }
  if (done !== job.target.bytes) throw invalid(`it gives ${done} bytes`);
}

function sourceOf(handle: FileHandle, length: number): ByteSource {
  return {
    length,
    read: async (offset, count) => {
      const bytes = new Uint8Array(count);
      for (let filled = 0; filled < count; ) {
        const { bytesRead } = await handle.read(bytes, filled, count - filled, offset + filled);
        if (bytesRead === 0) throw invalid("a file is shorter than it should be");
        filled += bytesRead;
      }
      return bytes;
    },
  };
}

const hexOf = (digest: DeltaFile["digest"]) => digest.replace(/^sha256:/, "");

function invalid(problem: string): SartorError {
  return new SartorError("SRT_DELTA_INVALID", `The difference is not offered: ${problem}.`);
}
