import type { TuningReport, TuningResult } from "@sartor/shared/protocol";
import { type DataColumn, DataTable } from "../../components/index.js";
import { formatCount, formatMilliseconds, formatShare, plural, UNKNOWN } from "../../format/index.js";
import { placeWords } from "../tailoring/index.js";
import { outcomeWords } from "./verdict-words.js";

/** What a device measured of each candidate, the fastest first. */
export function TuningResults({ report }: { readonly report: TuningReport }) {
  const rows = [...report.results].sort(
    (left, right) => (left.p50Ms ?? Number.POSITIVE_INFINITY) - (right.p50Ms ?? Number.POSITIVE_INFINITY),
  );
  const winner = report.verdict?.candidateId;
  const incumbent = report.incumbent?.candidateId;
  return (
    <DataTable
      label="What was measured"
      columns={columnsOf(incumbent)}
      rows={rows}
      keyOf={({ candidateId }) => candidateId}
      marked={({ candidateId }) => candidateId === winner}
    />
  );
}

function columnsOf(incumbent: string | null | undefined): DataColumn<TuningResult>[] {
  return [
    {
      header: "Candidate",
      render: (result) => (
        <span class="two-lines">
          <b>
            {result.variant.name}
            {result.candidateId === incumbent ? <span class="muted"> (served)</span> : null}
          </b>
          <span class="second">{placeWords(result)}</span>
        </span>
      ),
    },
    { header: "Median", numeric: true, render: ({ p50Ms }) => formatMilliseconds(p50Ms) },
    {
      header: "95 of 100",
      numeric: true,
      hint: "95 of 100 runs were faster",
      render: ({ p95Ms }) => formatMilliseconds(p95Ms),
    },
    {
      header: "Against served",
      numeric: true,
      hint: "Time by that of what is served now, with its 95 % interval; below 1 is faster",
      render: ({ ratio }) =>
        ratio === null ? (
          UNKNOWN
        ) : (
          <span class="two-lines">
            <span>{ratio.typical.toFixed(2)} times</span>
            <span class="second">
              {ratio.low.toFixed(2)} to {ratio.high.toFixed(2)}
            </span>
          </span>
        ),
    },
    {
      header: "Runs",
      numeric: true,
      render: ({ runs, rounds, discardedRounds, throttled }) => (
        <span class="two-lines">
          <span>
            {formatCount(runs)} in {plural(rounds, "round", "rounds")}
          </span>
          <span class={throttled ? "second warn-text" : "second"}>
            {throttled ? "throttled, " : ""}
            {formatCount(discardedRounds)} discarded
          </span>
        </span>
      ),
    },
    {
      header: "Ran where asked",
      hint: "By the profiler's own trace",
      render: ({ providerVerified, outcome }) =>
        outcome === "not_reached" ? UNKNOWN : providerVerified ? "yes" : <span class="warn-text">not verified</span>,
    },
    {
      header: "Right answers",
      hint: "Golden vectors: the same class as the variant's own reference",
      render: ({ golden }) =>
        golden === null ? (
          UNKNOWN
        ) : golden.passed ? (
          `yes, ${formatShare(golden.topOneAgreement)}`
        ) : (
          <span class="bad-text">no, {formatShare(golden.topOneAgreement)}</span>
        ),
    },
    { header: "Outcome", render: (result) => outcomeWords(result) },
  ];
}
