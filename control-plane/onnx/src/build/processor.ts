import { readFileSync } from "node:fs";
import { arch, cpus } from "node:os";

/** The processor that a build runs on. */
export interface Processor {
  readonly name: string;
  /** Whether products of unsigned and signed bytes saturate in ONNX Runtime's kernels: x86 before VNNI (VPMADDUBSW). */
  readonly saturates: boolean;
  /** Whether int8 activations compute in int8; on x86 ONNX Runtime does so with uint8 only. */
  readonly signedKernels: boolean;
}

/** Reads what this machine has. Where the system does not tell, the careful answer. */
export function readProcessor(): Processor {
  const x86 = arch() === "x64";
  return {
    name: cpus()[0]?.model.trim() || arch(),
    saturates: x86 && !/\b(avx512_vnni|avx_vnni|amx_int8)\b/.test(flags()),
    signedKernels: !x86,
  };
}

/** Flags of the first core (proc(5), /proc/cpuinfo). */
function flags(): string {
  if (process.platform !== "linux") return "";
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}
