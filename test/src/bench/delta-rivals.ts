import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Bytes on the wire and the time to make and to apply them; undefined where the program is not installed. */
export interface Measured {
  readonly bytes: number;
  readonly makeMs: number;
  readonly applyMs: number;
}

/** A program of Debian that sends less than a whole file. */
export interface Rival {
  readonly name: string;
  /** The programs that it needs, which are the names of their packages. */
  readonly needs: readonly string[];
  readonly measure: (folder: string, old: string, now: string) => Measured;
}

const FULL = 19;

export const RIVALS: readonly Rival[] = [
  {
    name: "zstd -19",
    needs: ["zstd"],
    measure: (folder, _old, now) =>
      packed(
        folder,
        (out) => [["zstd", "-q", "-f", `-${FULL}`, now, "-o", out]],
        (out, back) => [["zstd", "-q", "-f", "-d", out, "-o", back]],
      ),
  },
  {
    name: "patch-from",
    needs: ["zstd"],
    measure: (folder, old, now) =>
      packed(
        folder,
        (out) => [["zstd", "-q", "-f", `-${FULL}`, "--long=27", `--patch-from=${old}`, now, "-o", out]],
        (out, back) => [["zstd", "-q", "-f", "-d", "--long=27", `--patch-from=${old}`, out, "-o", back]],
      ),
  },
  {
    name: "xdelta3",
    needs: ["xdelta3"],
    measure: (folder, old, now) =>
      packed(
        folder,
        (out) => [["xdelta3", "-q", "-f", "-9", "-B", "134217728", "-e", "-s", old, now, out]],
        (out, back) => [["xdelta3", "-q", "-f", "-B", "134217728", "-d", "-s", old, out, back]],
      ),
  },
  {
    name: "rdiff + zstd",
    needs: ["rdiff", "zstd"],
    measure: (folder, old, now) => {
      const [signature, plain] = [join(folder, "signature"), join(folder, "plain")];
      return packed(
        folder,
        (out) => [
          ["rdiff", "-f", "signature", old, signature],
          ["rdiff", "-f", "delta", signature, now, plain],
          ["zstd", "-q", "-f", `-${FULL}`, plain, "-o", out],
        ],
        (out, back) => [
          ["zstd", "-q", "-f", "-d", out, "-o", plain],
          ["rdiff", "-f", "patch", old, plain, back],
        ],
      );
    },
  },
  { name: "casync", needs: ["casync"], measure: measureCasync },
];

/** Whether a program is there. */
export function isInstalled(program: string): boolean {
  return spawnSync("which", [program], { stdio: "ignore" }).status === 0;
}

function packed(
  folder: string,
  make: (out: string) => string[][],
  apply: (out: string, back: string) => string[][],
): Measured {
  const [out, back] = [join(folder, "out"), join(folder, "back")];
  const makeMs = timed(() => make(out).forEach(runProgram));
  const applyMs = timed(() => apply(out, back).forEach(runProgram));
  return { bytes: statSync(out).size, makeMs, applyMs };
}

/** What a device with the old chunks fetches: the index and the chunks that are new. */
function measureCasync(folder: string, old: string, now: string): Measured {
  const store = join(folder, "store.castr");
  const [oldIndex, index] = [join(folder, "old.caibx"), join(folder, "now.caibx")];
  mkdirSync(store);
  runProgram(["casync", "make", `--store=${store}`, oldIndex, old]);
  const held = bytesIn(store);
  const makeMs = timed(() => runProgram(["casync", "make", `--store=${store}`, index, now]));
  const bytes = bytesIn(store) - held + statSync(index).size;
  const applyMs = timed(() => runProgram(["casync", "extract", `--store=${store}`, index, join(folder, "extracted")]));
  return { bytes, makeMs, applyMs };
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function runProgram([program, ...words]: string[]): void {
  const { status, stderr, error } = spawnSync(program as string, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${words.join(" ")} failed: ${error?.message ?? stderr}`);
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
