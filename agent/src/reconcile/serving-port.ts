import type { ModelHost } from "../runtime/index.js";

export type { ProbeReport, ServableBundle, StagedModel, Trial } from "../runtime/index.js";

/** What the reconcile loop needs of the runtime, and no more: a test gives a stand-in, main gives the {@link ModelHost}. */
export type ServingPort = Pick<ModelHost, "servingBundleId" | "isReady" | "restarts" | "stage" | "stop">;
