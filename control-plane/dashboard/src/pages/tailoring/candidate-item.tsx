import type { TailoringCandidate } from "@sartor/shared/protocol";
import { formatBytes, formatMilliseconds, formatShare, plural } from "../../format/index.js";
import { cardPath, Link } from "../../router/index.js";
import { basisWords, latencyWords, placeWords } from "./plan-words.js";
import { Sentences } from "./sentences.js";
import { variantWords } from "./variant-words.js";

/** Properties of a {@link CandidateItem}. */
export interface CandidateItemProps {
  readonly candidate: TailoringCandidate;
  readonly model: string;
  readonly version: string;
  readonly chosen?: boolean;
}

/** One way to run the model: what, where, what it is expected to cost, and why it stands here. */
export function CandidateItem({ candidate, model, version, chosen = false }: CandidateItemProps) {
  const { variant, predicted, rank, reasons, warnings } = candidate;
  return (
    <li class={chosen ? "candidate candidate-chosen" : "candidate"}>
      <p class="candidate-head">
        <span class="candidate-rank" title="Rank in the plan">
          {rank}
        </span>
        <b>
          <Link to={cardPath(model, version, variant.name)} title={variantWords(variant).title}>
            {variant.name}
          </Link>
        </b>
        <span>{placeWords(candidate)}</span>
        <CandidateCost candidate={candidate} />
      </p>
      <p class="muted small candidate-facts">
        {[
          predicted.p95Ms === undefined ? null : `95 of 100 within ${formatMilliseconds(predicted.p95Ms)}`,
          candidate.accuracy === undefined ? null : `accuracy ${formatShare(candidate.accuracy)}`,
          `memory ${formatBytes(predicted.memoryBytes)} (${predicted.memoryBasis})`,
          predicted.powerMilliwatts === undefined ? null : `power ${(predicted.powerMilliwatts / 1000).toFixed(1)} W`,
          candidate.powerMode === undefined ? null : `needs power mode ${candidate.powerMode.name}`,
          candidate.adapter === "onnxruntime-node" ? null : `through ${candidate.adapter}`,
        ]
          .filter((text) => text !== null)
          .join(" · ")}
      </p>
      {chosen ? (
        <Sentences lines={reasons} />
      ) : (
        <details class="fold">
          <summary>Why it stands here</summary>
          <Sentences lines={reasons} />
        </details>
      )}
      {warnings.length === 0 ? null : (
        <ul class="sentences warn-text" aria-label="Warnings">
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
    </li>
  );
}

/** Expected latency with how well it is founded. */
export function CandidateCost({ candidate }: { readonly candidate: Pick<TailoringCandidate, "predicted"> }) {
  const { word, hint } = basisWords(candidate.predicted.basis);
  const { devices } = candidate.predicted;
  const by = devices === 0 ? "" : ` by ${plural(devices, "device", "devices")}`;
  return (
    <span class="cost" title={hint}>
      {latencyWords(candidate)} <span class={`basis basis-${candidate.predicted.basis}`}>{`${word}${by}`}</span>
    </span>
  );
}
