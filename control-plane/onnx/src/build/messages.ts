import type { ErrorBody } from "@sartor/shared/errors";
import type { BuildEvent, BuildLimits, BuildRequest } from "./build-request.js";

/** What the worker is asked. */
export interface BuildWorkerRequest {
  readonly request: BuildRequest;
  readonly limits: BuildLimits;
}

/** What the worker says. It goes on after `event` only when it was answered with `STORED`, progress excepted. */
export type BuildWorkerMessage =
  | { readonly type: "event"; readonly event: BuildEvent }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly error: ErrorBody };

/** The parent has taken the last event and stored what came with it. */
export const STORED = "stored";
