import type { ErrorBody } from "@sartor/shared/errors";

/** How far ONNX Runtime goes; `basic` depends on no hardware, the others write what this machine would run. */
export type OptimisationLevel = "basic" | "extended" | "all";

/** What the worker is asked. */
export interface OptimiseRequest {
  readonly inputPath: string;
  readonly outputPath: string;
  readonly level: OptimisationLevel;
  /** Session configuration entries, verbatim for ONNX Runtime. */
  readonly sessionConfig: Readonly<Record<string, string>>;
}

export type OptimiseReply = { readonly ok: true } | { readonly ok: false; readonly error: ErrorBody };
