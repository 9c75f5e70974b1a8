import {
  type Digest,
  executionProviderSchema,
  runtimeAdapterSchema,
  type TuningMeasurement,
  type TuningReport,
  type TuningResult,
  tuningMeasurementSchema,
} from "@sartor/shared/protocol";

/** What a report does not say of itself. */
export interface ReportContext {
  /** Kind of hardware of the device that sent it. */
  readonly deviceType: string;
  readonly emulated: boolean;
  /** What each candidate was made of, by its id: those of the order, and what served. */
  readonly variants: ReadonlyMap<string, MeasuredVariant>;
  /** By the control plane's clock: a device's own may be years off, and what is too old does not count. */
  readonly measuredAt: number;
  readonly newId: () => string;
}

/** The variant behind a candidate. A name may stand for another one by now. */
export interface MeasuredVariant {
  readonly name: string;
  readonly digest: Digest;
  /** Multiply-accumulates of one inference. */
  readonly macs: number;
}

/** What a tuning report says of the cost of candidates: one measurement for each that ran at all. */
export function measurementsOf(report: TuningReport, context: ReportContext): TuningMeasurement[] {
  return report.results.flatMap((result) => measurementOf(result, report, context) ?? []);
}

function measurementOf(
  result: TuningResult,
  report: TuningReport,
  context: ReportContext,
): TuningMeasurement | undefined {
  const ran = (result.outcome === "measured" || result.outcome === "eliminated") && result.runs >= 1;
  const executionProvider = executionProviderSchema.safeParse(result.executionProvider);
  const adapter = runtimeAdapterSchema.safeParse(result.adapter);
  const variant = context.variants.get(result.candidateId);
  if (!ran || !executionProvider.success || !adapter.success || variant?.name !== result.variant.name) return undefined;
  const { powerModeId, onnxRuntimeVersion } = report.environment;
  const measurement = tuningMeasurementSchema.safeParse({
    measurementId: context.newId(),
    deviceId: report.deviceId,
    deviceType: context.deviceType,
    emulated: context.emulated,
    model: report.model,
    version: report.version,
    macs: variant.macs,
    variant: { ...result.variant, digest: variant.digest },
    executionProvider: executionProvider.data,
    adapter: adapter.data,
    intraOpThreads: result.intraOpThreads,
    sessionConfig: result.sessionConfig,
    onnxRuntimeVersion,
    ...(powerModeId === null ? {} : { powerModeId }),
    runs: result.runs,
    p50Ms: result.p50Ms,
    p95Ms: result.p95Ms,
    ...(result.peakMemoryBytes === null ? {} : { peakMemoryBytes: result.peakMemoryBytes }),
    ...(result.powerMilliwatts === null ? {} : { powerMilliwatts: result.powerMilliwatts }),
    throttled: result.throttled,
    providerVerified: result.providerVerified,
    measuredAt: context.measuredAt,
  });
  // A time of nothing, or of no run at all, is no measurement.
  return measurement.success ? measurement.data : undefined;
}
