import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDeltaTools } from "@sartor/control-plane/deltas";
import { applyDelta, type ByteSource, makeDelta } from "@sartor/shared/domain/delta";
import { type DeltaCase, deltaCases } from "./delta-cases.js";
import { isInstalled, type Measured, RIVALS } from "./delta-rivals.js";
import { printTable } from "./table.js";

/**
 * Bytes on the wire of updates of weights, ours beside Debian's zstd, xdelta3, rdiff and casync:
 *
 *     npm run bench:delta [-- --ours]
 *
 * Ours counts everything that is sent: header, digests, heads of operations, content. Each of ours is applied and compared.
 * Ends with 1 where a row is above what it may take at most. `--ours` leaves the other programs out.
 */
async function main(words: readonly string[]): Promise<number> {
  const rivals = words.includes("--ours") ? [] : RIVALS;
  const missing = new Set(rivals.flatMap(({ needs }) => needs).filter((program) => !isInstalled(program)));
  if (missing.size > 0) {
    process.stdout.write(`Not installed, their columns stay empty: ${[...missing].join(", ")} (Debian packages)\n`);
  }
  const bytes: string[][] = [];
  const times: string[][] = [];
  const late: string[] = [];
  for (const row of deltaCases()) {
    const ours = await measureOurs(row);
    const others = inFolder((folder) => {
      const [old, now] = [join(folder, "old"), join(folder, "now")];
      if (rivals.length > 0) [writeFileSync(old, row.old), writeFileSync(now, row.now)];
      return rivals.map(({ needs, measure }) =>
        needs.some((program) => missing.has(program)) ? undefined : measure(folder, old, now),
      );
    });
    const missed = ours.bytes > row.atMost;
    if (missed) late.push(`${row.name}: ${whole(ours.bytes)} bytes, at most ${whole(row.atMost)}`);
    const theirs = others.map((other) => (other === undefined ? "missing" : whole(other.bytes)));
    bytes.push([
      row.name,
      whole(row.now.length),
      ...theirs,
      whole(ours.bytes),
      whole(row.atMost),
      missed ? "MISSED" : "ok",
    ]);
    times.push([row.name, ...[...others, ours].map(inSeconds)]);
    process.stderr.write(`${row.name}: ours ${whole(ours.bytes)}\n`);
  }
  const names = rivals.map(({ name }) => name);
  printTable("Bytes on the wire", ["update", "full", ...names, "ours", "ours at most", ""], bytes);
  printTable("Seconds to make / to apply", ["update", ...names, "ours"], times);
  process.stdout.write(`\n${late.length === 0 ? "Every bound is kept." : `Missed:\n${late.join("\n")}`}\n`);
  return late.length === 0 ? 0 : 1;
}

async function measureOurs({ name, old, now, layout }: DeltaCase): Promise<Measured> {
  const start = performance.now();
  const parts: Uint8Array[] = [];
  const base = { source: sourceOf(old), layout };
  for await (const part of makeDelta({ source: sourceOf(now), layout }, [base], nodeDeltaTools)) parts.push(part);
  const made = performance.now();
  const expected = { digest: createHash("sha256").update(now).digest("hex"), length: now.length };
  const readBase = async (_base: unknown, offset: number, length: number) => old.subarray(offset, offset + length);
  let done = 0;
  for await (const piece of applyDelta(parts, readBase, expected, nodeDeltaTools)) {
    if (Buffer.compare(piece, now.subarray(done, done + piece.length)) !== 0) throw new Error(`${name} came out wrong`);
    done += piece.length;
  }
  if (done !== now.length) throw new Error(`${name} came out with ${done} bytes`);
  const applyMs = performance.now() - made;
  return { bytes: parts.reduce((sum, part) => sum + part.length, 0), makeMs: made - start, applyMs };
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "sartor-bench-delta-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const whole = (value: number) => value.toLocaleString("en-US");

function inSeconds(measured: Measured | undefined): string {
  if (measured === undefined) return "missing";
  return `${(measured.makeMs / 1000).toFixed(1)} / ${(measured.applyMs / 1000).toFixed(1)}`;
}

process.exitCode = await main(process.argv.slice(2));
