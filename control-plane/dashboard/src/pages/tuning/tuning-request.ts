import type { TuningRequest } from "@sartor/shared/protocol";

/** What stands in the form of a tuning; numbers are texts, as people type them. */
export interface TuningChoices {
  readonly budgetMinutes: string;
  readonly cpuPercent: string;
  readonly apply: boolean;
}

/** The form as it stands at first: the server's own defaults. */
export const FIRST_TUNING: TuningChoices = { budgetMinutes: "5", cpuPercent: "50", apply: true };

/** The request that the choices stand for. Without a version the server takes what the device serves. */
export function toTuningRequest(
  { budgetMinutes, cpuPercent, apply }: TuningChoices,
  key: { readonly model: string; readonly version: string } | undefined,
): TuningRequest {
  return {
    ...(key === undefined ? {} : { model: key.model, version: key.version }),
    budgetSeconds: Math.max(1, Math.round(60 * Number(budgetMinutes))),
    maximumCpuShare: Math.min(1, Math.max(0.01, Number(cpuPercent) / 100)),
    apply,
  };
}
