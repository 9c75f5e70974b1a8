/** Which reported state is kept of a device: its number, and the agent runs that were heard of, newest first. */
export interface ReportedPosition {
  readonly sequence: number;
  readonly boots: readonly string[];
}

/** Agent runs that are remembered. */
const BOOTS = 8;

/**
 * Where a report stands: the new position when it is news, undefined when it is stale or repeated.
 *
 * A device keeps its sequence over restarts, so a higher number is news. A lower one can also come from a device whose
 * state was lost and counts from the start: then its run was never heard of. A late report of an earlier run was.
 */
export function acceptReport(
  before: ReportedPosition | undefined,
  report: { readonly sequence: number; readonly bootId: string },
): ReportedPosition | undefined {
  const boots = before?.boots ?? [];
  const news = before === undefined || report.sequence > before.sequence || !boots.includes(report.bootId);
  if (!news) return undefined;
  return {
    sequence: report.sequence,
    boots: [report.bootId, ...boots.filter((boot) => boot !== report.bootId)].slice(0, BOOTS),
  };
}
