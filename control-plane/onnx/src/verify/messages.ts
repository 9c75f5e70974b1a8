import type { ErrorBody } from "@sartor/shared/errors";
import type { ModelManifest } from "@sartor/shared/protocol";
import type { ModelInfo } from "../inspect/model-info.js";

/** What the child is asked: check these two files against this manifest. */
export interface VerifyRequest {
  readonly modelPath: string;
  readonly goldenPath: string;
  readonly manifest: ModelManifest;
}

/** What a model proved. */
export interface VerifiedModel {
  readonly info: ModelInfo;
  readonly golden: {
    readonly vectors: number;
    readonly largestAbsoluteError: number;
    /** Share of vectors with the same first class, 0 to 1. */
    readonly topOneAgreement: number;
  };
}

/** What the child answers. */
export type VerifyReply =
  | { readonly ok: true; readonly verified: VerifiedModel }
  | { readonly ok: false; readonly error: ErrorBody };
